// The audit, over HTTP: what leaves a line in the log, exactly which, what leaves none, and that the list agrees.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { AuditRecord } from '#functions/audit.ts';
import { routes } from '#functions/routes.ts';
import { listAudit } from '#shared/audit/list.ts';
import { createRobot } from '#shared/auth/robots.ts';
import { projectOf, type RepositoryName } from '#shared/oci/reference.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import {
  type Answer,
  type Call,
  openUpload,
  pullManifest,
  pushAll,
  pushBlob,
  pushManifest,
  pushParts,
  send,
  sendAll,
  useRegistry,
} from '#test/support/calls.ts';
import { digestOf, imageManifest, randomBlob } from '#test/support/manifests.ts';
import { type AuditLogged, adminBasic, auditsIn } from '#test/support/registry.ts';

const basic = (username: string, password: string) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

/** The Authorization headers of robots of `team`. */
const robots = new Map<string, string>();
const registry = useRegistry(
  { anonymousPull: new Set(['open']), freeFailures: 5 },
  async ({ services }) => {
    for (const role of ['owner', 'writer', 'reader'] as const) {
      const robot = { project: 'team', name: role, role };
      const { username, secret } = await createRobot(services, robot);
      robots.set(role, basic(username, secret.secret));
    }
  },
);

let names = 0;
/** A repository that no other test knows. */
const newName = () => `team/app-${++names}`;

const asked = ({ expect: _, ...call }: Call): Omit<Call, 'expect'> => call;
const as = (authorization: string | null | undefined, call: Call): Call => ({
  ...call,
  authorization: authorization ?? null,
});
const deleting = (path: string): Call => ({ method: 'DELETE', path, expect: { status: 202 } });
const getting = (path: string): Call => ({ method: 'GET', path, expect: { status: 200 } });

/** Sends a call. @returns its answer, and what the audit says of it */
async function audited(call: Omit<Call, 'expect'>): Promise<[Answer, readonly AuditLogged[]]> {
  const count = registry().audits.length;
  const answer = await send(registry().url, call);
  return [answer, registry().audits.slice(count)];
}

type Expected = Omit<AuditRecord, 'requestId' | 'address' | 'project'>;

/** The one line that a request leaves. */
function lineOf(
  { headers }: Answer,
  severity: AuditLogged['severity'],
  expected: Expected,
): AuditLogged {
  const { action, outcome, repository } = expected;
  const project = repository && projectOf(repository as RepositoryName);
  const ofProject = project === undefined ? {} : { project };
  const requestId = String(headers['x-request-id']);
  return {
    severity,
    audit: { ...expected, ...ofProject, address: '127.0.0.1', requestId },
    'logging.googleapis.com/labels': {
      audit_action: action,
      audit_outcome: outcome,
      ...(project === undefined ? {} : { audit_project: project }),
    },
  };
}

async function testLine(
  call: Omit<Call, 'expect'>,
  status: number,
  severity: AuditLogged['severity'],
  expected: Expected,
): Promise<void> {
  const [answer, lines] = await audited(call);
  assert.equal(answer.status, status, String(answer.body));
  assert.deepEqual(lines, [lineOf(answer, severity, expected)]);
}

async function uploadOf(name: string): Promise<string> {
  return (await sendAll(registry().url, [openUpload(name)])).get('upload') ?? '';
}

describe('a change', () => {
  const actor = 'user:admin';
  const testChange = (call: Call, expected: Omit<Expected, 'actor' | 'outcome'>) =>
    testLine(asked(call), call.expect.status, 'NOTICE', { outcome: 'ok', actor, ...expected });

  it('is a push under a tag, by a digest, or by a digest and with tags beside it', async () => {
    const [repository, image] = [newName(), imageManifest()];
    await sendAll(registry().url, pushParts(repository, image));
    const { digest } = image;
    const push = { action: 'manifest.push', repository, digest };
    await testChange(pushManifest(repository, image, 'v1'), { ...push, tags: ['v1'] });
    await testChange(pushManifest(repository, image), push);
    const call = pushManifest(repository, image, `${digest}?tag=v2&tag=v3`);
    await testChange(call, { ...push, tags: ['v2', 'v3'] });
  });

  it('is a blob that came in one request, or at the end of several, or from another repository', async () => {
    const repository = newName();
    const [whole, second, third] = [randomBlob(), randomBlob(), randomBlob()];
    const { digest } = whole;
    await testChange(pushBlob(repository, whole), { action: 'blob.push', repository, digest });
    const put = (upload: string, { bytes, digest }: typeof whole, body = bytes): Call => ({
      method: 'PUT',
      path: `${upload}&digest=${digest}`,
      body,
      expect: { status: 201 },
    });
    const pushed = { action: 'blob.push', repository };
    const one = put(await uploadOf(repository), second);
    await testChange(one, { ...pushed, digest: second.digest });
    const upload = await uploadOf(repository);
    const path = upload;
    const patch: Call = { method: 'PATCH', path, body: third.bytes, expect: { status: 202 } };
    assert.deepEqual((await audited(patch))[1], []);
    const end = put(upload, third, Buffer.alloc(0));
    await testChange(end, { ...pushed, digest: third.digest });
    const into = newName();
    const query = `?mount=${digest}&from=${repository}`;
    const mount: Call = {
      method: 'POST',
      path: `/v2/${into}/blobs/uploads/${query}`,
      expect: { status: 201 },
    };
    await testChange(mount, { action: 'blob.mount', repository: into, digest });
  });

  it('is a tag, a manifest or a blob that is deleted', async () => {
    const [repository, image, blob] = [newName(), imageManifest(), randomBlob()];
    const { digest } = image;
    await sendAll(registry().url, [
      ...pushAll(repository, image, 'v1'),
      pushManifest(repository, image, 'v2'),
      pushManifest(repository, image, 'v3'),
      pushBlob(repository, blob),
    ]);
    const of = `/v2/${repository}`;
    await testChange(deleting(`${of}/manifests/v1`), {
      ...{ action: 'tag.delete', repository, tags: ['v1'] },
    });
    await testChange(deleting(`${of}/manifests/${digest}`), {
      ...{ action: 'manifest.delete', repository, digest, tags: ['v2', 'v3'] },
    });
    await testChange(deleting(`${of}/blobs/${blob.digest}`), {
      ...{ action: 'blob.delete', repository, digest: blob.digest },
    });
  });

  it('that fails is told with the error’s code, by whoever was let through', async () => {
    const [repository, image, blob] = [newName(), imageManifest(), randomBlob()];
    const { digest } = image;
    await sendAll(registry().url, pushAll(repository, image, 'v1'));
    const of = `/v2/${repository}`;
    const unknown = imageManifest();
    const by = 'robot:writer@team';
    const rows: readonly (readonly [Omit<Call, 'expect'>, number, Omit<Expected, 'outcome'>])[] = [
      [
        asked(pushManifest(repository, unknown, 'v1')),
        404,
        { action: 'manifest.push', reason: 'MANIFEST_BLOB_UNKNOWN', tags: ['v1'] },
      ],
      [
        { method: 'PUT', path: `${of}/manifests/${unknown.digest}`, body: '{}' },
        400,
        { action: 'manifest.push', reason: 'DIGEST_INVALID', digest: unknown.digest },
      ],
      [
        // What is no tag, and no digest, is nowhere in the line.
        { method: 'PUT', path: `${of}/manifests/~${'x'.repeat(500)}`, body: '{}' },
        400,
        { action: 'manifest.push', reason: 'MANIFEST_INVALID' },
      ],
      [
        { method: 'POST', path: `${of}/blobs/uploads/?digest=${blob.digest}`, body: 'other' },
        400,
        { action: 'blob.push', reason: 'DIGEST_INVALID', digest: blob.digest },
      ],
      [
        { method: 'PATCH', path: `${of}/blobs/uploads/none`, body: 'x' },
        404,
        { action: 'blob.push', reason: 'BLOB_UPLOAD_UNKNOWN' },
      ],
    ];
    const writer = robots.get('writer') ?? '';
    for (const [call, status, expected] of rows) {
      const known = { outcome: 'failed', actor: by, repository, ...expected } as const;
      await testLine({ ...call, authorization: writer }, status, 'NOTICE', known);
    }
    const own = robots.get('owner') ?? '';
    const known = { outcome: 'failed', actor: 'robot:owner@team', repository } as const;
    const gone = { ...asked(deleting(`${of}/manifests/gone`)), authorization: own };
    await testLine(gone, 404, 'NOTICE', {
      ...{ ...known, action: 'tag.delete', tags: ['gone'], reason: 'MANIFEST_UNKNOWN' },
    });
    const used = image.blobs[0]?.digest ?? '';
    const inUse = { ...asked(deleting(`${of}/blobs/${used}`)), authorization: own };
    await testLine(inUse, 405, 'NOTICE', {
      ...{ ...known, action: 'blob.delete', digest: used, reason: 'UNSUPPORTED' },
    });
    const missing = asked(deleting(`${of}/manifests/${unknown.digest}`));
    await testLine({ ...missing, authorization: own }, 404, 'NOTICE', {
      ...{ ...known, action: 'manifest.delete', digest: unknown.digest },
      reason: 'MANIFEST_UNKNOWN',
    });
    assert.equal((await send(registry().url, getting(`${of}/manifests/${digest}`))).status, 200);
  });

  it('that fails on our side is told without what failed', async () => {
    const [repository, blob] = [newName(), randomBlob()];
    const { documents } = registry().services;
    const { transact } = documents;
    Object.assign(documents, {
      transact: () => Promise.reject(new Error('the disk at /secret has gone')),
    });
    try {
      await testLine(asked(pushBlob(repository, blob)), 500, 'NOTICE', {
        ...{ action: 'blob.push', outcome: 'failed', actor, repository, digest: blob.digest },
        reason: 'UNKNOWN',
      });
    } finally {
      Object.assign(documents, { transact });
    }
  });

  it('whose client goes away is told as what became of it', async () => {
    const repository = newName();
    const count = registry().audits.length;
    const { hostname, port } = new URL(registry().url);
    const socket = connect(Number(port), hostname);
    socket.write(
      `PUT /v2/${repository}/manifests/v1 HTTP/1.1\r\nHost: x\r\nAuthorization: ${adminBasic}\r\nContent-Length: 2000\r\nExpect: 100-continue\r\n\r\n`,
    );
    await once(socket, 'readable');
    socket.destroy();
    while (registry().audits.length === count) await new Promise((turn) => setImmediate(turn));
    const [{ audit } = assert.fail('no line')] = registry().audits.slice(count);
    const { requestId, ...known } = audit;
    assert.match(requestId, /^[0-9a-f-]{36}$/);
    assert.deepEqual(known, {
      ...{ action: 'manifest.push', outcome: 'failed', actor, repository, project: 'team' },
      ...{ tags: ['v1'], address: '127.0.0.1', reason: 'CLIENT_GONE' },
    });
  });
});

describe('what is denied', () => {
  const reason = 'DENIED';
  const outcome = 'denied';
  const image = imageManifest();
  const name = 'team/denied';
  const token = async (authorization: string | null | undefined, scope: string) => {
    const path = `/v2/token?service=x&scope=${scope}`;
    const [{ status, body }, lines] = await audited(as(authorization, getting(path)));
    assert.equal(status, 200);
    assert.deepEqual(lines, []);
    return `Bearer ${JSON.parse(String(body)).token}`;
  };

  before(() => sendAll(registry().url, pushAll(name, image, 'v1')));

  it('is told with who it was, and what was wanted, as Basic and by a token', async () => {
    const actor = 'robot:reader@team';
    const digest = image.digest;
    const scope = `repository:${name}:pull,push,delete`;
    const shown = [robots.get('reader') ?? '', await token(robots.get('reader'), scope)];
    for (const authorization of shown) {
      const testDenied = (call: Call, expected: Partial<Expected> & { action: string }) =>
        testLine({ ...asked(call), authorization }, 403, 'WARNING', {
          ...{ outcome, actor, repository: name, ...expected, reason },
        });
      await testDenied(pushManifest(name, image, 'v1'), { action: 'manifest.push', tags: ['v1'] });
      await testDenied(pushBlob(name, image), { action: 'blob.push', digest });
      await testDenied(openUpload(name), { action: 'blob.push' });
      await testDenied(deleting(`/v2/${name}/manifests/v1`), {
        ...{ action: 'tag.delete', tags: ['v1'] },
      });
      await testDenied(deleting(`/v2/${name}/manifests/${digest}`), {
        ...{ action: 'manifest.delete', digest },
      });
      await testDenied(deleting(`/v2/${name}/blobs/${digest}`), { action: 'blob.delete', digest });
      await testDenied(getting(`/v2/${name}/blobs/uploads/x`), { action: 'push' });
    }
  });

  it('is told of a read of what is somebody else’s, and of what only operators may', async () => {
    const actor = 'robot:owner@team';
    const authorization = robots.get('owner') ?? '';
    const pull = { ...asked(pullManifest('other/app', image, 'v1')), authorization };
    await testLine(pull, 403, 'WARNING', {
      ...{ action: 'pull', outcome, actor, repository: 'other/app', tags: ['v1'], reason },
    });
    const path = `/v2/other/app/blobs/${image.digest}`;
    await testLine({ method: 'HEAD', path, authorization }, 403, 'WARNING', {
      ...{ action: 'pull', outcome, actor, repository: 'other/app', digest: image.digest, reason },
    });
    const metrics = { ...asked(getting('/metrics')), authorization };
    await testLine(metrics, 403, 'WARNING', { action: 'operate', outcome, actor, reason });
  });

  it('is told of who has logged in as nobody', async () => {
    const authorization = await token(null, `repository:${name}:pull,push`);
    const push = { ...asked(pushManifest(name, image, 'v1')), authorization };
    await testLine(push, 403, 'WARNING', {
      ...{ action: 'manifest.push', outcome, actor: 'anonymous', repository: name, tags: ['v1'] },
      reason,
    });
    assert.equal(registry().served.at(-1)?.actor, 'anonymous');
  });
});

describe('a login that fails', () => {
  const secret = 'Tr0ub4dor&3';
  // Those before are forgotten, so that none has to wait.
  beforeEach(() => registry().clock.advance(60 * 60 * 1000));

  const failed = { action: 'login', outcome: 'failed', reason: 'UNAUTHORIZED' } as const;
  const testFailure = (call: Omit<Call, 'expect'>, expected: Partial<Expected> = {}) =>
    testLine(call, 401, 'WARNING', { ...failed, ...expected });
  const form = (fields: Readonly<Record<string, string>>): Omit<Call, 'expect'> => ({
    method: 'POST',
    path: '/v2/token',
    authorization: null,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: String(new URLSearchParams({ grant_type: 'password', service: 'x', ...fields })),
  });

  it('is told whichever way it was tried, with who was claimed to be', async () => {
    const authorization = basic('reader@team', 'wrong');
    const username = 'reader@team';
    const ping = { method: 'GET', path: '/v2/', authorization };
    await testFailure(ping, { username });
    await testFailure({ ...ping, path: '/v2/token?service=x' }, { username });
    const push = asked(pushManifest('team/app', imageManifest(), 'v1'));
    await testFailure({ ...push, authorization }, { username, repository: 'team/app' });
    await testFailure(form({ username, password: 'wrong' }), { username });
    await testFailure({ ...ping, authorization: basic('admin', 'wrong') }, { username: 'admin' });
  });

  it('is told of tokens of others, which have no name before they are verified', async () => {
    const jwt = [{ alg: 'RS256', kid: 'x' }, { iss: 'https://issuer.example', sub: 'admin' }, {}];
    const foreign = jwt.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
    for (const shown of ['ya29.of-google', foreign.join('.')]) {
      const authorization = `Bearer ${shown}`;
      await testFailure({ method: 'GET', path: '/v2/token?service=x', authorization });
      await testFailure({ method: 'GET', path: '/v2/', authorization });
    }
    await testFailure({ method: 'GET', path: '/v2/', authorization: 'Basic !!!' });
  });

  it('is told as denied where it was not looked at, because too many failed before', async () => {
    const authorization = basic('guessed@team', 'wrong');
    const ping = { method: 'GET', path: '/v2/', authorization };
    let statuses: number[] = [];
    while (!statuses.includes(429) && statuses.length < 50) {
      statuses = [...statuses, (await send(registry().url, ping)).status];
    }
    const denied = { ...failed, outcome: 'denied', reason: 'TOOMANYREQUESTS' } as const;
    await testLine(ping, 429, 'WARNING', { ...denied, username: 'guessed@team' });
    const call = form({ username: secret, password: secret });
    while ((await send(registry().url, call)).status !== 429) assert.ok(statuses.push(0) < 100);
    await testLine(call, 429, 'WARNING', denied);
  });

  for (const [what, username, told] of [
    ['a password in the wrong place', secret, undefined],
    ['one that begins as a name does', 'hunter2', undefined],
    ['one with an @ for an a', 'p@ssw0rd', undefined],
    ['one of a word and digits', 'admin@123', undefined],
    ['a person’s address', 'Jane.Doe@example.com', undefined],
    ['a line of its own', 'admin\n{"severity":"NOTICE","message":"audit"}', undefined],
    ['control characters', '\u001b[2Jadmin\u0007', undefined],
    ['quotes', '","outcome":"ok', undefined],
    ['a robot of too many projects', 'ci@team@team', undefined],
    ['what has no end', `${'a'.repeat(20_000)}@team`, undefined],
    ['a project that has no end', `ci@${'a'.repeat(20_000)}`, undefined],
    ['nothing', '', undefined],
    ['a robot that does not exist', 'nobody@nowhere', 'nobody@nowhere'],
    ['a robot of a domain’s project', 'ci@example.com/team', 'ci@example.com/team'],
    ['Google’s', 'oauth2accesstoken', 'oauth2accesstoken'],
    ['a key’s', '_json_key', '_json_key'],
    ['a job’s', '_oidc', '_oidc'],
  ] as const) {
    it(`tells a username only where it is in the form of one: ${what}`, async () => {
      const by = told === undefined ? {} : { username: told };
      const call = { method: 'GET', path: '/v2/', authorization: basic(username, secret) };
      const count = registry().audits.length;
      await testFailure(call, by);
      await testFailure(form({ username, password: secret }), by);
      const lines = JSON.stringify(registry().audits.slice(count));
      assert.ok(!lines.includes(secret) && lines.length < 2000, lines);
    });
  }
});

describe('nothing is told', () => {
  const name = 'open/quiet';
  const image = imageManifest();
  before(() => sendAll(registry().url, pushAll(name, image, 'v1')));

  const push = pushManifest(name, image, 'v1');
  for (const [what, call, status] of [
    ['of a pull', pullManifest(name, image, 'v1'), 200],
    ['of an anonymous pull', as(null, pullManifest(name, image, 'v1')), 200],
    ['of a list', getting(`/v2/${name}/tags/list`), 200],
    ['of the catalog', getting('/v2/_catalog'), 200],
    ['of a token that is issued', getting(`/v2/token?scope=repository:${name}:push`), 200],
    ['of one for nobody', as(null, getting('/v2/token')), 200],
    ['of a session that is opened', openUpload(name), 202],
    ['of the challenge that each client begins with', as(null, push), 401],
    ['of a token that is not good any more', as('Bearer a.b.c', push), 401],
    ['of a name that is none, by nobody', as(null, getting('/v2/NONE/tags/list')), 400],
    ['of a path that there is not', getting('/v3/'), 404],
    ['of a read that finds nothing', getting(`/v2/${name}/manifests/gone`), 404],
    ['of a push by a name that is none', { ...push, path: '/v2/NONE/manifests/v1' }, 400],
    ['of too many scopes', getting(`/v2/token?${'scope=repository:a:pull&'.repeat(101)}`), 400],
  ] as const) {
    it(what, async () => {
      const [answer, lines] = await audited(asked(call));
      assert.equal(answer.status, status);
      assert.deepEqual(lines, []);
    });
  }
});

it('the list and the log say the same of a change, under the same request id', async () => {
  const [project, image, blob] = ['agreeing', imageManifest(), randomBlob()];
  const name = `${project}/app`;
  const count = registry().audits.length;
  await sendAll(registry().url, [
    ...pushAll(name, image, 'v1'),
    pushManifest(name, image, `${image.digest}?tag=v2&tag=v3`),
    pushManifest(name, image),
    deleting(`/v2/${name}/manifests/v3`),
    pushBlob(name, blob),
    deleting(`/v2/${name}/blobs/${blob.digest}`),
    deleting(`/v2/${name}/manifests/${image.digest}`),
    as(basic('admin', 'wrong'), { ...getting(`/v2/${name}/tags/list`), expect: { status: 401 } }),
  ]);
  const logged = registry()
    .audits.slice(count)
    .map(({ audit }) => audit)
    .filter(({ action }) => !/^(blob\.push|login)$/.test(action))
    .map(({ outcome: _, project: __, ...told }) => told);
  const { entries } = await listAudit(registry().services.documents, project, { limit: 100 });
  const listed = entries.map(({ id: _, at: __, ...told }) => told);
  const byRequest = (
    a: { requestId?: string | undefined },
    b: { requestId?: string | undefined },
  ) => ((a.requestId ?? '') < (b.requestId ?? '') ? -1 : 1);
  assert.equal(listed.length, 6);
  assert.deepEqual(listed.sort(byRequest), logged.sort(byRequest));
});

describe('the table of routes', () => {
  it('has for each that changes something what is audited, and for no read', () => {
    for (const route of routes) {
      const { methods, path, needs } = route;
      const changes = ['push', 'delete', 'administer'].includes(needs);
      const reads = methods.some((method) => method === 'GET' || method === 'HEAD');
      assert.equal('audits' in route, changes && !reads, `${methods} ${path}`);
    }
  });
});

describe('the log of a process', () => {
  let berth: RunningBerth;
  before(async () => {
    berth = await startBerth();
  });
  after(() => berth.remove());

  it('has each event as one line of JSON, as Cloud Logging reads it', async () => {
    const secret = 'line\nbreak"';
    const bytes = 'a layer';
    const digest = digestOf(Buffer.from(bytes));
    const calls: Omit<Call, 'expect'>[] = [
      { method: 'POST', path: `/v2/p/app/blobs/uploads/?digest=${digest}`, body: bytes },
      { method: 'DELETE', path: `/v2/p/app/blobs/${digest}` },
      { method: 'GET', path: '/v2/', authorization: basic(secret, secret) },
      { method: 'GET', path: '/v2/' },
    ];
    const authorization = basic('admin', berth.password);
    const answers: Answer[] = [];
    for (const call of calls) answers.push(await send(berth.url, { authorization, ...call }));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [201, 202, 401, 200],
    );
    await berth.stop();
    const ids = answers.map(({ headers }) => headers['x-request-id']);
    const lines = auditsIn(berth.output());
    const [pushed, deleted, login, ...more] = lines;
    assert.deepEqual(more, []);
    const where = { address: '127.0.0.1' };
    const done = { outcome: 'ok', actor: 'user:admin', project: 'p', repository: 'p/app', digest };
    assert.deepEqual(pushed, {
      severity: 'NOTICE',
      audit: { action: 'blob.push', ...done, ...where, requestId: ids[0] },
      'logging.googleapis.com/labels': {
        ...{ audit_action: 'blob.push', audit_outcome: 'ok', audit_project: 'p' },
      },
    });
    assert.deepEqual(deleted?.audit, {
      ...{ action: 'blob.delete', ...done, ...where, requestId: ids[1] },
    });
    const reason = 'UNAUTHORIZED';
    assert.deepEqual(login, {
      severity: 'WARNING',
      audit: { action: 'login', outcome: 'failed', ...where, requestId: ids[2], reason },
      'logging.googleapis.com/labels': { audit_action: 'login', audit_outcome: 'failed' },
    });
    const raw = berth
      .output()
      .split('\n')
      .filter((line) => line.includes('"message":"audit"'));
    for (const line of raw) {
      assert.match(line, /^\{"severity":"(?:NOTICE|WARNING)","time":"[^"]+","message":"audit",/);
    }
    assert.ok(!berth.output().includes('break'));
  });
});
