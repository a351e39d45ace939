// One question to an issuer. The owner of a project wrote its URL, and the issuer itself that of its keys: neither may lead
// this process to where a stranger could not go. The addresses are looked at when the connection is made, so that a
// name cannot have one for the check and another for the connection (DNS rebinding), and no redirect is followed.

import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { issuerAnswerBytesMax } from '../../oci/limits.ts';
import { isPublicAddress, isPublicHostname } from './public-addresses.ts';

/** What names are resolved by, and which addresses are the internet's. */
export interface IssuerNetwork {
  resolve(hostname: string): Promise<readonly LookupAddress[]>;
  isPublic(address: string): boolean;
}

export const internet: IssuerNetwork = {
  resolve: (hostname) => lookup(hostname, { all: true }),
  isPublic: isPublicAddress,
};

export interface IssuerAnswer {
  readonly text: string;
  readonly headers: IncomingMessage['headers'];
}

export interface IssuerQuestion {
  readonly network: IssuerNetwork;
  /** The operator named it: http and any address will do. */
  readonly isPrivate: boolean;
  /** Ends the connection. */
  readonly signal: AbortSignal;
}

/**
 * GETs a JSON document of at most `issuerAnswerBytesMax` bytes.
 * @throws Error that says in few words why it cannot be had: it is not where it may be, does not answer, or not with 200
 */
export async function askIssuer(url: URL, question: IssuerQuestion): Promise<IssuerAnswer> {
  const { network, isPrivate, signal } = question;
  if (url.protocol !== 'https:' && !(isPrivate && url.protocol === 'http:')) {
    throw new Error('its URL does not begin with https://');
  }
  if (url.username !== '' || url.password !== '') throw new Error('its URL has a user name');
  // An address in a URL is never looked up, so the look-up would not see it.
  if (!isPrivate && !isPublicHostname(url.hostname)) throw new Error(notPublic);
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const options: RequestOptions = {
    // No connection is kept, nor shared with anything else.
    agent: false,
    signal,
    headers: { Accept: 'application/json', 'User-Agent': 'berth' },
    lookup: lookUp(network, isPrivate),
  };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    send(url, options).once('error', reject).once('response', resolve).end();
  });
  try {
    return { text: await read(response), headers: response.headers };
  } finally {
    response.destroy();
  }
}

const notPublic = 'its address is not one of the public internet';

/** Every address must be the internet's: with one that is not, the name is not a stranger's to give. */
function lookUp(network: IssuerNetwork, isPrivate: boolean): LookupFunction {
  return (hostname, { all }, answer) => {
    network.resolve(hostname).then(
      (addresses) => {
        const [first] = addresses;
        const fits = isPrivate || addresses.every(({ address }) => network.isPublic(address));
        if (first === undefined) answer(new Error('its name has no address'), []);
        else if (!fits) answer(new Error(notPublic), []);
        else if (all === true) answer(null, [...addresses]);
        else answer(null, first.address, first.family);
      },
      (error: Error) => answer(error, []),
    );
  };
}

async function read(response: IncomingMessage): Promise<string> {
  if (response.statusCode !== 200) throw new Error(`it answered ${response.statusCode}`);
  // None was asked for, and what is small when it comes may be large when it is unpacked.
  const { 'content-encoding': encoding = 'identity' } = response.headers;
  if (encoding !== 'identity') throw new Error('its answer is compressed');
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > issuerAnswerBytesMax) {
      throw new Error(`its answer is larger than ${issuerAnswerBytesMax} bytes`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
