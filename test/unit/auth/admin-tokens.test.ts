// Tokens of the admin: they go with the password that they were got by.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { exportJWK, generateKeyPair } from 'jose';
import { issueToken } from '#functions/token/issue.ts';
import { authorise } from '#shared/auth/access.ts';
import { openAccess } from '#shared/auth/open-access.ts';
import { hashSecret } from '#shared/auth/passwords.ts';
import { createIssuer } from '#shared/auth/token.ts';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import { fakeClock } from '#test/support/clock.ts';

const clock = fakeClock(Date.parse('2026-11-24T12:00:00Z'));
const name = parseRepositoryName('team/app');
let directory: string;
let documents: ReturnType<typeof openSqliteDocuments>;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-admin-'));
  documents = openSqliteDocuments({ file: join(directory, 'documents.sqlite'), clock });
});
after(async () => {
  documents.close();
  await rm(directory, { recursive: true });
});

it('a token of the admin is refused once there is another password, or none', async () => {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const [key, publicKey] = await Promise.all([
    exportJWK(pair.privateKey),
    exportJWK(pair.publicKey),
  ]);
  const open = async (password: string | undefined) => ({
    ...(await openAccess(
      { documents, clock },
      {
        adminHash: password === undefined ? undefined : hashSecret(password),
        requestsPerSecond: 0,
        freeFailures: 0,
        anonymousPull: new Set(),
        operators: [],
        privateIssuers: [],
        googleEndpoint: undefined,
        projectBucket: undefined,
        hosts: new Set(),
        locationOf: () => 'local',
        tokenKeys: [{ ...publicKey, kid: 'k' }],
      },
    )),
    documents,
    clock,
    issuer: await createIssuer({ ...key, kid: 'k' }, clock),
  });
  const request = (authorization: string) => ({
    method: 'GET',
    host: 'localhost',
    origin: 'http://localhost',
    address: '192.0.2.1',
    query: new URLSearchParams({ scope: `repository:${name}:pull` }),
    headers: { authorization },
  });
  type Asked = Parameters<typeof authorise>[1];
  const [first, second, none] = await Promise.all([open('one'), open('two'), open(undefined)]);
  const login = request(`Basic ${Buffer.from('admin:one').toString('base64')}`) as unknown as Asked;
  const access = await authorise(first, login, 'nothing', {});
  const asked = { ...login, access } as unknown as Parameters<typeof issueToken>[0];
  const { body } = await issueToken(asked, first as unknown as Parameters<typeof issueToken>[1]);
  const bearer = request(`Bearer ${JSON.parse(String(body)).token}`) as unknown as Asked;
  for (const need of ['pull', 'operate', 'login'] as const) {
    await authorise(first, bearer, need, { name });
    for (const other of [second, none]) {
      await assert.rejects(authorise(other, bearer, need, { name }), (error: unknown) => {
        assert.ok(error instanceof RegistryError && error.status === 401, String(error));
        return true;
      });
    }
  }
});
