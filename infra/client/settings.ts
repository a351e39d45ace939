// What `docker-credential-berth` was told: where credentials come from, and which registries may have Google's.

import { join } from 'node:path';
import { berthDirectory, type Environment } from './environment.ts';
import { Failure } from './failure.ts';
import { asList, asRecord, asText, isRecord, parseJson } from './json-values.ts';
import { printableJson } from './printable.ts';
import { makePrivateDirectory, readSmallFile, replaceFile } from './private-file.ts';

/**
 * `store`: logins that were made with Berth or Docker. `env`: Application Default Credentials. `gcloud`: gcloud's login.
 */
export type TokenSource = 'store' | 'env' | 'gcloud';

export const tokenSourceNames: readonly TokenSource[] = ['store', 'env', 'gcloud'];

export interface Settings {
  /** In the order in which they are asked. */
  readonly tokenSources: readonly TokenSource[];
  /** Hosts that Google's credentials may be handed out for, and no others. */
  readonly registries: readonly string[];
}

const usual: Settings = { tokenSources: ['store', 'env'], registries: [] };
const bytesMax = 1024 * 1024;

/** @throws Failure when the file is there and cannot be understood: guessing might hand out what it forbids */
export async function readSettings(environment: Environment): Promise<Settings> {
  const path = pathOf(environment);
  const text = await readSmallFile(path, bytesMax);
  if (text === undefined) return usual;
  const parsed = parseJson(text);
  if (!isRecord(parsed)) throw new Failure(`${path} is no JSON object: repair it, or remove it`);
  const { tokenSources, registries } = asRecord(parsed);
  const sources = asList(tokenSources).flatMap((name) => asTokenSource(name) ?? []);
  return {
    tokenSources: sources.length === 0 ? usual.tokenSources : sources,
    registries: asList(registries).flatMap((host) => asText(host) ?? []),
  };
}

/** Keeps settings. @param change `undefined` puts one back to what is usual */
export async function changeSettings(
  environment: Environment,
  change: { readonly [K in keyof Settings]?: Settings[K] | undefined },
): Promise<void> {
  const changed = { ...(await readSettings(environment)), ...change };
  const text = `${printableJson({ ...changed, tokenSources: changed.tokenSources ?? usual.tokenSources })}\n`;
  const path = pathOf(environment);
  await makePrivateDirectory(join(berthDirectory(environment), 'logins'));
  await replaceFile(path, text, 0o600);
}

/** A source by its name; also by the one that docker-credential-gcr had for gcloud before. */
export function asTokenSource(name: unknown): TokenSource | undefined {
  return tokenSourceNames.find((one) => one === (name === 'gcloud_sdk' ? 'gcloud' : name));
}

function pathOf(environment: Environment): string {
  return join(berthDirectory(environment), 'settings.json');
}
