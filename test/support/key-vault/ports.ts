// A vault as the rule that rotates keys sees it, with a gate that each call passes: there a test decides who goes on, and
// who dies.

import type { KeyStores } from '#shared/auth/rotation/key-stores.ts';
import type { Vault } from './vault.ts';

/** Passed before a call does anything, and again after it did. What it throws, the call fails with. */
export type Gate = (moment: {
  readonly call: string;
  readonly writes: boolean;
  readonly isOver: boolean;
}) => Promise<void> | void;

export const urlAccount = 'urls@test-project.iam.gserviceaccount.com';

export function keyStoresOf(vault: Vault, gate: Gate = () => undefined): KeyStores {
  const through = async <T>(call: string, writes: boolean, act: () => T): Promise<T> => {
    await gate({ call, writes, isOver: false });
    const result = act();
    await gate({ call, writes, isOver: true });
    return result;
  };
  return {
    clock: vault.clock,
    secrets: {
      newest: (secret) =>
        through(`newest ${secret}`, false, () => {
          const found = vault.secrets.get(secret)?.at(-1);
          if (found === undefined) return undefined;
          const { number, bytes, createdMs } = found;
          return { version: number, text: bytes.toString('utf8'), createdMs };
        }),
      add: (secret, text) =>
        through(`add ${secret}`, true, () => {
          vault.add(secret, Buffer.from(text));
        }),
      destroyBefore: (secret, version) =>
        through(`destroyBefore ${secret}`, true, () => {
          for (const one of vault.secrets.get(secret) ?? []) {
            if (one.number < version) one.state = 'DESTROYED';
          }
        }),
    },
    urlKeys: {
      list: () =>
        through('list', false, () =>
          vault.hmacKeys
            .filter(({ state }) => state !== 'DELETED')
            .map(({ accessId, state, createdMs, updatedMs }) => ({
              accessId,
              isActive: state === 'ACTIVE',
              createdMs,
              changedMs: updatedMs,
            })),
        ),
      create: () =>
        through('create', true, () => {
          const { accessId, secret } = vault.createHmacKey(urlAccount);
          return { accessId, secret };
        }),
      deactivate: (accessId) =>
        through('deactivate', true, () => {
          const key = vault.hmacKey(accessId);
          if (key === undefined) throw new Error('no such key');
          Object.assign(key, { state: 'INACTIVE', updatedMs: vault.clock.now() });
        }),
      delete: (accessId) =>
        through('delete', true, () => {
          const key = vault.hmacKey(accessId);
          if (key?.state === 'ACTIVE') throw new Error('it is active');
          if (key !== undefined) key.state = 'DELETED';
        }),
    },
  };
}
