// One run over all keys of a registry in the cloud.

import type { KeyStores, Outcome, When } from './key-stores.ts';
import { rotateStateKeys } from './state-keys.ts';
import { rotateTokenKeys } from './token-keys.ts';
import { rotateUrlKeys } from './url-keys.ts';

const kinds = {
  tokens: rotateTokenKeys,
  uploads: rotateStateKeys,
  urls: rotateUrlKeys,
} as const;

export type KeyKind = keyof typeof kinds;

export interface Rotated {
  readonly done: Readonly<Record<KeyKind, Outcome | 'failed'>>;
  /** What failed of a kind: the next run goes on there. */
  readonly failures: ReadonlyMap<KeyKind, unknown>;
}

/**
 * Makes keys where there are none, completes what an earlier run began, and has the next keys sign when it is time. Two at
 * once do no harm.
 */
export async function rotateKeys(stores: KeyStores, when: When): Promise<Rotated> {
  const failures = new Map<KeyKind, unknown>();
  const done: Record<KeyKind, Outcome | 'failed'> = {
    tokens: 'failed',
    uploads: 'failed',
    urls: 'failed',
  };
  for (const kind of Object.keys(kinds) as KeyKind[]) {
    try {
      done[kind] = await kinds[kind](stores, when);
    } catch (error) {
      failures.set(kind, error);
    }
  }
  return { done, failures };
}
