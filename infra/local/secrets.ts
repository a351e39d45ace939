// The secrets of the registry on one machine: made at the first start, kept with the data, readable by
// its owner alone. (In the cloud they lie in Secret Manager.)

import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import * as v from 'valibot';
import { hashPassword } from '#shared/auth/passwords.ts';
import { newSecret, sha256 } from '#shared/auth/robots.ts';

const secretsSchema = v.object({
  /** Signs tokens: a private ES256 JWK. */
  tokenKey: v.looseObject({ kty: v.string(), kid: v.string() }),
  stateKeys: v.array(v.object({ id: v.string(), secret: v.string() })),
  /** Of the password that was made, when none was set. */
  adminSha256: v.string(),
});

export type Secrets = v.InferOutput<typeof secretsSchema>;

/**
 * Reads the secrets of a data directory, or makes them.
 * @returns with them the admin's password, at the one moment that it is known: when it was just made
 */
export async function loadSecrets(
  directory: string,
): Promise<{ secrets: Secrets; newPassword: string | undefined }> {
  const file = join(directory, 'secrets.json');
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text !== undefined) {
    return { secrets: v.parse(secretsSchema, JSON.parse(text)), newPassword: undefined };
  }
  const newPassword = newSecret();
  const secrets = await makeSecrets(newPassword);
  await writePrivate(directory, file, JSON.stringify(secrets, undefined, 2));
  return { secrets, newPassword };
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
  const { secrets, newPassword } = await loadSecrets(directory);
  return {
    variables: {
      BERTH_TOKEN_KEY: JSON.stringify(secrets.tokenKey),
      BERTH_TOKEN_PUBLIC_KEYS: JSON.stringify([publicPart(secrets.tokenKey)]),
      BERTH_STATE_KEYS: JSON.stringify(secrets.stateKeys),
      BERTH_ADMIN_HASH: await adminHashOf(secrets, adminPassword),
    },
    newPassword: adminPassword === '' ? newPassword : undefined,
  };
}

/**
 * The hash of the admin's password: by scrypt where somebody chose it, by SHA-256 where it was made.
 * @param password the one that is set; empty where the one is to be used that was made
 */
export async function adminHashOf(
  { adminSha256 }: Pick<Secrets, 'adminSha256'>,
  password: string,
): Promise<string> {
  return password === '' ? `sha256:${adminSha256}` : hashPassword(password);
}

/** What verifies what the key signs. */
export function publicPart(key: JWK): JWK {
  const { d: _private, ...rest } = key;
  return rest;
}

async function makeSecrets(password: string): Promise<Secrets> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(privateKey);
  return {
    tokenKey: { ...jwk, kty: jwk.kty ?? 'EC', kid: 'local-1' },
    stateKeys: [{ id: 'local-1', secret: newSecret() }],
    adminSha256: sha256(password),
  };
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
