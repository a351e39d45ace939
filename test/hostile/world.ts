// A registry that runs, with contents, accounts and upload sessions for hostile requests to be about. The accounts
// may do everything in the project `fuzz`, and nothing but pull in `kept`: whatever is sent in their names, what
// is kept stays as it is.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Role } from '#shared/auth/principal.ts';
import { createRobot } from '#shared/auth/robots.ts';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import { systemClock } from '#shared/ports/clock.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { type Call, pullBlob, pullManifest, pushAll, send, sendAll } from '#test/support/calls.ts';
import {
  artifact,
  imageIndex,
  imageManifest,
  type Manifest,
  randomBlob,
} from '#test/support/manifests.ts';
import { basic } from './header-grammar.ts';
import type { Subject } from './values.ts';

export interface World extends Subject {
  readonly berth: RunningBerth;
  readonly sessions: string[];
  /** Secrets, which nothing may ever print. */
  readonly secrets: readonly string[];
  /** Fails unless what was there before anything hostile came is there, byte for byte. */
  checkKept(): Promise<void>;
}

const accounts: readonly (readonly [string, string, Role])[] = [
  ['owner', 'fuzz', 'owner'],
  ['writer', 'fuzz', 'writer'],
  ['reader', 'kept', 'reader'],
];
const sessionsKept = 200;

/** So that memory is what the process holds on to, and not what V8 has put off collecting. */
const collectEagerly = '--max-old-space-size=128 --max-semi-space-size=2';

export async function startWorld(): Promise<World> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'berth-hostile-'));
  try {
    const credentials = await createAccounts(dataDirectory);
    const environment = { BERTH_ANONYMOUS_PULL: 'public', NODE_OPTIONS: collectEagerly };
    const berth = await startBerth({ dataDirectory, environment });
    return await fill(berth, credentials).catch(async (error: unknown) => {
      await berth.remove();
      throw error;
    });
  } catch (error) {
    await rm(dataDirectory, { recursive: true, force: true });
    throw error;
  }
}

async function createAccounts(dataDirectory: string): Promise<string[]> {
  const clock = systemClock;
  const documents = openSqliteDocuments({ file: join(dataDirectory, 'documents.sqlite'), clock });
  const credentials: string[] = [];
  for (const [name, project, role] of accounts) {
    const { username, secret } = await createRobot({ documents, clock }, { name, project, role });
    credentials.push(`${username}:${secret.secret}`);
  }
  documents.close();
  return credentials;
}

async function fill(berth: RunningBerth, credentials: readonly string[]): Promise<World> {
  const asAdmin = (call: Call): Call => ({ ...call, authorization: adminOf(berth) });
  const [image, other] = [
    imageManifest({ layers: [randomBlob(300), randomBlob(70_000)] }),
    imageManifest(),
  ];
  const index = imageIndex([image, other]);
  const signature = artifact('application/vnd.example+type', { subject: image });
  const contents: readonly Manifest[] = [image, other, index, signature];
  const names = ['fuzz', 'fuzz/a', 'fuzz/b/c'];
  const foreignNames = ['kept/image', 'public/image', 'absent/image'];
  for (const name of [...names, 'kept/image', 'public/image']) {
    await sendAll(
      berth.url,
      [...contents.flatMap((one) => pushAll(name, one)), ...pushAll(name, index, 'latest')].map(
        asAdmin,
      ),
    );
  }
  const blobs = contents.flatMap((one) => one.blobs);
  const listed = { name: 'kept/image', tags: ['latest'] };
  const kept: Call[] = [
    ...blobs.map((blob) => pullBlob('kept/image', blob)),
    ...contents.map((one) => pullManifest('kept/image', one)),
    pullManifest('kept/image', index, 'latest'),
    { method: 'GET', path: '/v2/kept/image/tags/list', expect: { status: 200, has: listed } },
  ];
  const [owner = ''] = credentials;
  const sessions: string[] = [];
  while (sessions.length < sessionsKept) {
    const path = `/v2/${names[sessions.length % names.length]}/blobs/uploads/`;
    const { headers } = await send(berth.url, {
      method: 'POST',
      path,
      authorization: basic(owner),
    });
    sessions.push(headers.location ?? '');
  }
  return {
    berth,
    host: berth.host,
    names,
    foreignNames,
    blobs: blobs.map(({ digest, bytes }) => ({ digest, size: bytes.length })),
    manifests: contents.map(({ digest, bytes, mediaType }) => ({
      digest,
      size: bytes.length,
      mediaType,
    })),
    sessions,
    tokens: await tokensOf(berth, credentials, [...names, ...foreignNames]),
    credentials,
    secrets: [berth.password, ...credentials.map((one) => one.slice(one.indexOf(':') + 1))],
    checkKept: async () => {
      await sendAll(berth.url, kept.map(asAdmin));
    },
  };
}

export function adminOf({ password }: RunningBerth): string {
  return basic(`admin:${password}`);
}

/** Of each account: a token for everything it may do, and one for a part of it. */
async function tokensOf(
  { url, host }: RunningBerth,
  credentials: readonly string[],
  names: readonly string[],
): Promise<string[]> {
  const tokens: string[] = [];
  for (const one of credentials) {
    for (const actions of ['*', 'pull']) {
      const scopes = names.map((name) => `&scope=repository:${name}:${actions}`).join('');
      const path = `/v2/token?service=${host}&scope=registry:catalog:*${scopes}`;
      const { status, body } = await send(url, { method: 'GET', path, authorization: basic(one) });
      assert.equal(status, 200);
      tokens.push((JSON.parse(String(body)) as { token: string }).token);
    }
  }
  return tokens;
}
