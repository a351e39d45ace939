// A registry's address, as people and clients write it.

import { Failure, wrongUsage } from './failure.ts';
import { shown } from './printable.ts';

export interface Address {
  /** Name, and port where one was written, in small letters: as it stands in an image's name. */
  readonly host: string;
  /** `https://HOST`, or `http://HOST` where that is allowed. */
  readonly origin: string;
}

const hostPattern = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;
const hostCharactersMax = 255;

/**
 * The host of a server URL of Docker's: with or without a scheme and a path.
 * @returns `undefined` when there is none in it
 */
export function hostOf(serverUrl: string): string | undefined {
  const [, host = ''] = /^(?:https?:\/\/)?([^/]*)/.exec(serverUrl.trim().toLowerCase()) ?? [];
  return host.length <= hostCharactersMax && hostPattern.test(host) ? host : undefined;
}

/**
 * The address of a registry. It is reached by https; by http only on this machine, as Docker does, or where the caller
 * says so.
 * @param text `HOST`, `HOST:PORT`, or either with a scheme
 * @throws Failure when it is no address, or one by http that is not allowed
 */
export function parseAddress(text: string, plainHttp: boolean): Address {
  const host = hostOf(text);
  const trimmed = text.trim().toLowerCase();
  if (host === undefined || !/^(?:https?:\/\/)?[^/]+(?:\/(?:v2\/?)?)?$/.test(trimmed)) {
    throw wrongUsage(`${shown(text, 100)} is not a registry: write HOST or HOST:PORT`);
  }
  if (trimmed.startsWith('https://')) return { host, origin: `https://${host}` };
  if (plainHttp || isThisMachine(host)) return { host, origin: `http://${host}` };
  if (trimmed.startsWith('http://')) {
    throw new Failure(
      `${host} would be sent passwords in the clear: use https, or --plain-http if that is meant`,
    );
  }
  return { host, origin: `https://${host}` };
}

/** `localhost`, `127.0.0.0/8` and `[::1]`: what never leaves this machine. */
export function isThisMachine(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  return name === 'localhost' || name === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(name);
}
