// A registry that is only imagined: what its clients would hold, without one that runs.

import assert from 'node:assert/strict';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createIssuer, createVerifier, type TokenVerifier } from '#shared/auth/token.ts';
import { digestOf } from '#shared/oci/digest.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import { type Repository, repositoryAt } from '#shared/registry/layout.ts';
import { openSession, type StateKey, sessionLocation } from '#shared/registry/sessions.ts';
import { fakeClock } from '#test/support/clock.ts';
import { hostileHeaders } from './header-grammar.ts';
import type { Random } from './random.ts';
import * as values from './values.ts';
import { hostileText, nearly, type Subject } from './values.ts';

export const clock = fakeClock(Date.parse('2026-11-24T12:00:00Z'));
export const stateKeys: readonly StateKey[] = [{ id: 'key-1', secret: 'a secret' }];

export interface Imagined extends Subject {
  readonly verifier: TokenVerifier;
  /** Well-formed tokens that were never issued here. */
  readonly strangers: readonly string[];
}

export async function imagine(): Promise<Imagined> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const issuer = await createIssuer({ ...(await exportJWK(privateKey)), kid: 'k' }, clock);
  const claims = { principal: { kind: 'admin' }, seen: {}, granted: [], refused: [] } as const;
  const { token } = await issuer.issue('registry.example', claims);
  const contents = ['', '{}', 'layer'].map((text) => ({
    digest: digestOf(Buffer.from(text)),
    size: text.length,
  }));
  const names = ['fuzz/a', 'fuzz/b/c', 'fuzz'];
  return {
    host: 'registry.example',
    names,
    foreignNames: ['kept/image'],
    blobs: contents,
    manifests: contents.map((one) => ({ ...one, mediaType: mediaTypes.ociManifest })),
    sessions: names.map((name) =>
      sessionLocation(openSession(repositoryOf(name), { clock }), stateKeys),
    ),
    tokens: [token],
    credentials: ['owner@fuzz:secret:with:colons'],
    verifier: await createVerifier([{ ...(await exportJWK(publicKey)), kid: 'k' }], clock),
    strangers: await tokensOfStrangers(publicKey),
  };
}

export function repositoryOf(text: string): Repository {
  const name = parseRepositoryName(text);
  assert.ok(name !== undefined);
  return repositoryAt('local', name);
}

/** Signed with another's key, with the public key as if it were a secret, and not at all. */
async function tokensOfStrangers(publicKey: Parameters<typeof exportJWK>[0]): Promise<string[]> {
  const now = Math.floor(clock.now() / 1000);
  const claims = {
    access: [],
    refused: [],
    iss: 'berth',
    sub: 'user:admin',
    aud: 'registry.example',
    nbf: now,
    exp: now + 900,
  };
  const { privateKey } = await generateKeyPair('ES256');
  const secret = Buffer.from(JSON.stringify(await exportJWK(publicKey)));
  const head = Buffer.from('{"alg":"none"}').toString('base64url');
  return [
    await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(privateKey),
    await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'k' }).sign(secret),
    `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`,
  ];
}

/** Each piece of grammar, for whoever reads one text. */
export function anyText(random: Random, subject: Subject): string {
  const sound = random.chance(0.4);
  const text = random.pick([
    () => values.name(random, subject, sound),
    () => values.digest(random, subject, sound),
    () => values.reference(random, subject, sound),
    () => values.scope(random, subject, sound),
    () => values.session(random, subject, sound).state,
    () => hostileHeaders(random, subject)[1],
    () => hostileText(random),
  ])();
  const decoded = random.chance(0.3)
    ? Buffer.from(
        text.replace(/%([\da-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
        'latin1',
      ).toString()
    : text;
  return random.chance(0.2) ? nearly(random, decoded) : decoded;
}
