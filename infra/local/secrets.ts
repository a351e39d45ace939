// The secrets of the registry on one machine: made at the first start, kept with the data, readable by
// its owner alone. (In the cloud they lie in Secret Manager.)
//
// Keys are kept in twos: the first signs, both verify. So what was signed before a rotation is good after it, and not
// after the next.

import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { JWK } from 'jose';
import * as v from 'valibot';
import { newStateKey, newTokenKey } from '#shared/auth/new-keys.ts';
import { hashPassword, openPasswords } from '#shared/auth/passwords.ts';
import { newSecret, sha256 } from '#shared/auth/secrets.ts';
import { publicJwk } from '#shared/auth/token.ts';
import { lockDirectory } from '#shared/embedded/lock.ts';
import { signingKeyDays, signingKeysMax } from '#shared/oci/limits.ts';
import { systemClock } from '#shared/ports/clock.ts';

/** Milliseconds since 1970; unknown of keys that were made before it was written down, which are taken for old. */
const created = v.optional(v.number(), 0);
const tokenKeySchema = v.looseObject({ kty: v.string(), kid: v.string(), created });

const secretsSchema = v.pipe(
  v.object({
    /** Sign tokens: private ES256 JWKs. */
    tokenKeys: v.optional(v.array(tokenKeySchema), []),
    /** The one that there was when there was but one. */
    tokenKey: v.optional(tokenKeySchema),
    /** Sign upload sessions. */
    stateKeys: v.array(v.object({ id: v.string(), secret: v.string(), created })),
    /** Of the password that was made, when none was set. */
    adminSha256: v.string(),
    /** Of the one that was set last. */
    chosenHash: v.optional(v.string()),
  }),
  v.transform(({ tokenKey, tokenKeys, ...others }) => ({
    ...others,
    tokenKeys: tokenKey === undefined ? tokenKeys : [...tokenKeys, tokenKey],
  })),
  v.check(({ tokenKeys, stateKeys }) => tokenKeys.length > 0 && stateKeys.length > 0),
);

export type Secrets = v.InferOutput<typeof secretsSchema>;

/**
 * Reads the secrets of a data directory, or makes them. A key that signs for more than `signingKeyDays` is replaced.
 * @param now milliseconds since 1970
 * @returns with them the admin's password, at the one moment that it is known: when it was just made
 */
export async function loadSecrets(
  directory: string,
  now = Date.now(),
): Promise<{ secrets: Secrets; newPassword: string | undefined }> {
  const known = await readSecrets(directory);
  if (known !== undefined) {
    const secrets = await rotated(known, now, signingKeyDays * 24 * 60 * 60 * 1000);
    if (secrets !== known) await writeSecrets(directory, secrets);
    return { secrets, newPassword: undefined };
  }
  const newPassword = newSecret();
  const secrets = {
    tokenKeys: [{ ...(await newTokenKey()), created: now }],
    stateKeys: [{ ...newStateKey(), created: now }],
    adminSha256: sha256(newPassword),
  };
  await writeSecrets(directory, secrets);
  return { secrets, newPassword };
}

/**
 * Puts new keys before those that sign now, which go on to verify; those before them are forgotten.
 * @param now milliseconds since 1970
 * @returns the ids of the keys that tokens are verified by, that which signs first
 * @throws Error when the directory has no secrets
 */
export async function rotateKeys(directory: string, now = Date.now()): Promise<readonly string[]> {
  const known = await readSecrets(directory);
  if (known === undefined) throw new Error(`there are no keys in ${directory} yet`);
  const secrets = await rotated(known, now, 0);
  await writeSecrets(directory, secrets);
  return secrets.tokenKeys.map(({ kid }) => kid);
}

/** The same secrets, where no key has signed for so long. */
async function rotated(secrets: Secrets, now: number, ageMs: number): Promise<Secrets> {
  const { tokenKeys, stateKeys } = secrets;
  const isOld = ([first]: readonly { readonly created: number }[]) =>
    now - (first?.created ?? 0) >= ageMs;
  if (!isOld(tokenKeys) && !isOld(stateKeys)) return secrets;
  const keep = signingKeysMax - 1;
  return {
    ...secrets,
    ...(isOld(tokenKeys) && {
      tokenKeys: [{ ...(await newTokenKey()), created: now }, ...tokenKeys.slice(0, keep)],
    }),
    ...(isOld(stateKeys) && {
      stateKeys: [{ ...newStateKey(), created: now }, ...stateKeys.slice(0, keep)],
    }),
  };
}

/**
 * The secrets of a data directory, as the variables that the functions are given them by.
 * @param adminPassword the one that is set; empty where the one is to be used that was made
 * @returns with them the admin's password when it was just made, and is the one in use
 */
export async function loadSecretVariables(
  directory: string,
  adminPassword: string,
): Promise<{ variables: Readonly<Record<string, string>>; newPassword: string | undefined }> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // Nobody else makes or rotates them meanwhile.
  const lock = lockDirectory(directory);
  try {
    return await readVariables(directory, adminPassword);
  } finally {
    lock.release();
  }
}

async function readVariables(
  directory: string,
  adminPassword: string,
): ReturnType<typeof loadSecretVariables> {
  const { secrets, newPassword } = await loadSecrets(directory);
  return {
    variables: {
      BERTH_TOKEN_KEY: JSON.stringify(signingKey(secrets)),
      BERTH_TOKEN_PUBLIC_KEYS: JSON.stringify(verifyingKeys(secrets)),
      BERTH_STATE_KEYS: JSON.stringify(secrets.stateKeys),
      BERTH_ADMIN_HASH: await adminHashOf(directory, secrets, adminPassword),
    },
    newPassword: adminPassword === '' ? newPassword : undefined,
  };
}

/**
 * The hash of the admin's password: by scrypt where somebody chose it, by SHA-256 where it was made. It stays the same as
 * long as the password does: what was had by that, refresh tokens, holds by the hash.
 * @param password the one that is set; empty where the one is to be used that was made
 */
export async function adminHashOf(
  directory: string,
  secrets: Secrets,
  password: string,
): Promise<string> {
  if (password === '') return `sha256:${secrets.adminSha256}`;
  const known = secrets.chosenHash;
  if (known !== undefined && (await openPasswords(systemClock).verify(known, password))) {
    return known;
  }
  const chosenHash = await hashPassword(password);
  await writeSecrets(directory, { ...secrets, chosenHash });
  return chosenHash;
}

/** The private key that signs tokens. */
export function signingKey({ tokenKeys }: Secrets): JWK {
  const [first] = tokenKeys;
  if (first === undefined) throw new Error('no key to sign tokens with');
  const { created: _created, ...key } = first;
  return key;
}

/** The public keys that verify them. */
export function verifyingKeys({ tokenKeys }: Secrets): readonly JWK[] {
  return tokenKeys.map(publicJwk);
}

const fileOf = (directory: string): string => join(directory, 'secrets.json');

async function readSecrets(directory: string): Promise<Secrets | undefined> {
  const text = await readFile(fileOf(directory), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : v.parse(secretsSchema, JSON.parse(text));
}

function writeSecrets(directory: string, secrets: Secrets): Promise<void> {
  return writePrivate(directory, fileOf(directory), JSON.stringify(secrets, undefined, 2));
}

/** Whole or not at all, and durable: the password in it is printed but once. */
async function writePrivate(directory: string, file: string, text: string): Promise<void> {
  const temporary = `${file}.new`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  const parent = await open(directory, 'r');
  await parent.sync().finally(() => parent.close());
}
