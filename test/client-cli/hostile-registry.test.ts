// berth at a registry that is not what it should be: credentials go nowhere else, no answer is too long or commands the
// terminal, and every end has its number.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type Scratch, scratch } from '#test/clients/client.ts';
import { freePort } from '#test/support/free-port.ts';
import { type Ended, type Programs, programsIn } from './programs.ts';
import {
  type Answered,
  asRegistry,
  type Received,
  type SmallServer,
  startSmallServer,
} from './server.ts';

const secret = 'a-secret-that-stays-here';

describe('berth at a registry that is hostile, broken or busy', () => {
  let space: Scratch;
  let server: SmallServer;
  let elsewhere: SmallServer;
  let programs: Programs;

  before(async () => {
    space = await scratch();
    server = await startSmallServer();
    elsewhere = await startSmallServer();
    space.after(() => server.close());
    space.after(() => elsewhere.close());
    programs = programsIn(space.path);
    await keep(server.host, 'ci@p');
  });
  beforeEach(() => elsewhere.answers(() => ({ body: { token: 'stolen' } })));
  after(() => space.remove());

  const keep = (host: string, username: string) =>
    programs.credential(['store'], {
      input: JSON.stringify({ ServerURL: host, Username: username, Secret: secret }),
    });
  const api = (respond: (request: Received) => Answered) =>
    server.answers(asRegistry(server.host, respond));
  const berth = (...parameters: string[]) =>
    programs.berth([...parameters, '--registry', server.host]);
  const onlyFails = (ended: Ended, code: number, message: RegExp) => {
    assert.equal(ended.stdout, '');
    assert.match(ended.stderr, message);
    assert.match(ended.stderr, /^berth: [^\n]*\n$/);
    assert.ok(!ended.stderr.includes(secret));
    assert.equal(ended.code, code);
  };

  describe('sends credentials', () => {
    const realms = (): readonly [string, string][] => [
      ['another port', `http://${elsewhere.host}/v2/token`],
      ['another name', `http://localhost:${server.host.split(':')[1]}/v2/token`],
      ['a name before it', `http://${server.host}@${elsewhere.host}/v2/token`],
      ['a user in it', `http://user:pw@${server.host}/v2/token`],
      ['no web address', 'file:///etc/passwd'],
      ['no address', '/v2/token'],
    ];
    for (let at = 0; at < 6; at += 1) {
      it(`nowhere when the challenge names ${['another port', 'another name', 'a name before it', 'a user in it', 'no web address', 'no address'][at]}`, async () => {
        const [, realm = ''] = realms()[at] ?? [];
        server.answers(() => ({
          status: 401,
          headers: { 'WWW-Authenticate': `Bearer realm="${realm}",service="x"` },
        }));
        onlyFails(await berth('whoami'), 1, /they only go to http:\/\/127\.0\.0\.1/);
        const login = await programs.berth(['login', server.host, '-u', 'x', '--password-stdin'], {
          input: secret,
        });
        onlyFails(login, 1, /they only go to/);
        assert.deepEqual(elsewhere.received, []);
        for (const { headers, body, path } of server.received) {
          assert.equal(headers.authorization, undefined);
          assert.ok(!body.includes(secret) && !path.includes(secret));
        }
      });
    }

    it('nowhere else when it is led on', async () => {
      const Location = `http://${elsewhere.host}/`;
      for (const status of [301, 302, 303, 307, 308]) {
        server.answers(() => ({ status, headers: { Location } }));
        onlyFails(await berth('whoami'), 1, new RegExp(`answered ${status}`));
      }
      const challenged = asRegistry(server.host, () => ({ status: 307, headers: { Location } }));
      server.answers((request) =>
        request.path.startsWith('/v2/token')
          ? { status: 307, headers: { Location } }
          : challenged(request),
      );
      onlyFails(await berth('whoami'), 1, /answered 307/);
      assert.deepEqual(elsewhere.received, []);
    });

    it('to no next page elsewhere', async () => {
      for (const Link of [
        `<http://${elsewhere.host}/>; rel="next"`,
        `<//${elsewhere.host}/>; rel=next`,
      ]) {
        api(() => ({ headers: { Link }, body: { projects: [] } }));
        onlyFails(await berth('project', 'list'), 1, /next page that is elsewhere/);
      }
      assert.deepEqual(elsewhere.received, []);
    });

    it('to nobody without TLS who is not on this machine', async () => {
      for (const host of ['http://registry.example.com', 'http://10.0.0.1:5000']) {
        onlyFails(await programs.berth(['whoami', '--registry', host]), 1, /--plain-http if that/);
      }
    });

    it('as the ID token until that expires, where no refresh token is given for it', async () => {
      const exp = Math.floor(Date.now() / 1000) + 300;
      const [header, claims] = [{ alg: 'none' }, { exp }].map((part) =>
        Buffer.from(JSON.stringify(part)).toString('base64url'),
      );
      const token = `${header}.${claims}.c2ln`;
      server.answers(asRegistry(server.host, () => ({})));
      const { stdout } = await programs.berth(['login', server.host, '--oidc', '--json'], {
        environment: { BERTH_ID_TOKEN: token },
      });
      const expiresAt = new Date(exp * 1000).toISOString();
      const expected = { host: server.host, username: '_oidc', kind: 'id-token', expiresAt };
      assert.deepEqual(JSON.parse(stdout), expected);
      const given = await programs.credential(['get'], { input: server.host });
      assert.deepEqual(JSON.parse(given.stdout), {
        ServerURL: server.host,
        Username: '_oidc',
        Secret: token,
      });
      await keep(server.host, 'ci@p');
    });

    it('as a refresh token where that is what is kept, and never to an API', async () => {
      await keep(server.host, '<token>');
      api(() => ({ body: { principal: 'robot:ci@p', operator: false } }));
      assert.equal((await berth('whoami')).stdout, `robot:ci@p at ${server.host}\n`);
      const [first, token, second] = server.received;
      assert.equal(first?.headers.authorization, undefined);
      assert.equal(`${token?.method} ${token?.path}`, 'POST /v2/token');
      assert.deepEqual(Object.fromEntries(new URLSearchParams(token?.body)), {
        service: server.host,
        scope: 'project:p:admin',
        client_id: 'berth',
        grant_type: 'refresh_token',
        refresh_token: secret,
      });
      assert.equal(second?.headers.authorization, 'Bearer a-token');
      await keep(server.host, 'ci@p');
    });
  });

  describe('understands', () => {
    const error = (code: string, message: string) => ({
      errors: [{ code, message, detail: { requestId: 'r-1' } }],
    });
    const ends: readonly [string, Answered, number, RegExp][] = [
      [
        '401',
        { status: 401, body: error('UNAUTHORIZED', 'gone') },
        3,
        /gone; log in again: berth login 127\S+ \(request r-1\)/,
      ],
      [
        '403',
        { status: 403, body: error('DENIED', 'ask an owner') },
        3,
        /ask an owner \(request r-1\)/,
      ],
      [
        '404',
        { status: 404, body: error('NAME_UNKNOWN', 'no such project') },
        4,
        /no such project/,
      ],
      ['409', { status: 409, body: error('DENIED', 'there is a robot ci') }, 5, /there is a robot/],
      ['412', { status: 412, body: error('DENIED', 'another change') }, 5, /another change/],
      ['400', { status: 400, body: error('UNSUPPORTED', 'bad role') }, 1, /bad role/],
      [
        '429',
        {
          status: 429,
          headers: { 'Retry-After': '7' },
          body: error('TOOMANYREQUESTS', 'slow down'),
        },
        1,
        /slow down; wait 7 seconds/,
      ],
      [
        '500 with an id alone',
        { status: 500, headers: { 'X-Request-Id': 'r-2' }, body: 'oh' },
        1,
        /answered 500 \(request r-2\)/,
      ],
      ['what is no JSON', { body: '<html>' }, 1, /what is no JSON/],
      ['an empty answer', { body: '' }, 1, /answered without robots/],
      ['a list that is none', { body: { robots: 'x' } }, 1, /answered without robots/],
      [
        'an answer without an end',
        { body: Buffer.alloc(17 * 1024 * 1024, ' ') },
        1,
        /more than 16777216 bytes/,
      ],
      ['JSON that is very deep', { body: '['.repeat(1_000_000) }, 1, /what is no JSON/],
    ];
    for (const [what, answered, code, message] of ends) {
      it(`${what}: ends with ${code}`, async () => {
        api(() => answered);
        onlyFails(await berth('robot', 'list', 'p'), code, message);
      });
    }

    it('refused credentials: ends with 3', async () => {
      const registry = asRegistry(server.host, () => ({}));
      server.answers((request) =>
        request.path.startsWith('/v2/token')
          ? { status: 401, body: error('UNAUTHORIZED', 'the username or the password is wrong') }
          : registry(request),
      );
      onlyFails(await berth('whoami'), 3, /password is wrong; log in again/);
    });

    it('that one is not logged in: ends with 3', async () => {
      const other = await startSmallServer();
      other.answers(asRegistry(other.host, () => ({})));
      onlyFails(
        await programs.berth(['whoami', '--registry', other.host]),
        3,
        new RegExp(`not logged in to ${other.host}: berth login ${other.host}`),
      );
      await other.close();
    });

    for (const token of ['', 'a b', 'a\r\nX-Evil: 1', 'x'.repeat(40_000), 7, null]) {
      it(`a token that is none: ${JSON.stringify(token)?.slice(0, 20)}`, async () => {
        const registry = asRegistry(server.host, () => ({}));
        server.answers((request) =>
          request.path.startsWith('/v2/token') ? { body: { token } } : registry(request),
        );
        onlyFails(await berth('whoami'), 1, /answered without a token/);
      });
    }

    it('that nothing answers, or hangs up', async () => {
      const port = await freePort('127.0.0.1');
      const nobody = await programs.berth(['whoami', '--registry', `127.0.0.1:${port}`]);
      onlyFails(nobody, 1, /does not answer: is it the right port/);
      const rude = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
      await once(rude, 'listening');
      const cut = await programs.berth(['whoami', '--registry', `127.0.0.1:${port}`]);
      rude.close();
      onlyFails(cut, 1, /broke the connection off/);
    });

    it('pages that lead round in circles', async () => {
      api(({ path }) => ({
        headers: { Link: `<${path}>; rel="next"` },
        body: { projects: [{ project: 'p', role: 'owner' }] },
      }));
      onlyFails(await berth('project', 'list'), 1, /page after page/);
    });
  });

  describe('shows', () => {
    const evil = '\u001b[2J\u009b31m\u202ex\u0007\r\n\u2028';

    it('nothing that a terminal obeys, in tables, in messages, in JSON', async () => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about.
      const obeyed = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u202e]/;
      const robot = {
        name: evil,
        username: evil,
        role: evil,
        prefix: evil,
        secrets: [{ id: evil }],
      };
      api(() => ({ body: { robots: [robot] } }));
      const people = await berth('robot', 'list', 'p');
      assert.equal(people.code, 0);
      assert.doesNotMatch(people.stdout, obeyed);
      assert.equal(people.stdout.split('\n').length, 3);
      const json = await berth('robot', 'list', 'p', '--json');
      assert.doesNotMatch(json.stdout, obeyed);
      assert.deepEqual(JSON.parse(json.stdout), { robots: [robot] });
      api(() => ({ body: robot }));
      assert.doesNotMatch((await berth('robot', 'show', 'p', 'x')).stdout, obeyed);
      api(() => ({
        status: 403,
        body: { errors: [{ message: evil, detail: { requestId: evil } }] },
      }));
      onlyFails(await berth('robot', 'list', 'p'), 3, /\?\[2J\?31m\?x/);
      api(() => ({ body: { principal: evil } }));
      assert.doesNotMatch((await berth('whoami')).stdout, obeyed);
    });

    it('a message of any length in part', async () => {
      api(() => ({ status: 403, body: { errors: [{ message: 'x'.repeat(100_000) }] } }));
      const { stderr } = await berth('robot', 'list', 'p');
      assert.ok(stderr.length < 700);
    });
  });

  describe('asks for', () => {
    it('what is named, and nothing above it', async () => {
      api(() => ({ body: { robots: [] } }));
      for (const project of ['..', '.', '']) {
        onlyFails(await berth('robot', 'list', project), 2, /must not be empty, nor dots/);
      }
      assert.equal(server.received.length, 0);
      for (const [project, path] of [
        ['a/../b', 'a:..%2Fb'],
        ['example.com/p', 'example.com:p'],
        ['p?x=1#y', 'p%3Fx%3D1%23y'],
        ['example.com:p', 'example.com:p'],
      ] as const) {
        api(() => ({ body: { robots: [] } }));
        await berth('robot', 'list', project);
        assert.equal(server.received[0]?.path, `/api/v1/projects/${path}/robots`);
      }
    });

    it('the policy again when another change came first, and gives up in the end', async () => {
      let writes = 0;
      let behind = 2;
      const policy = () => ({
        etag: `e${writes}`,
        bindings: [{ role: 'reader', members: ['allUsers'] }],
        writersDelete: true,
      });
      const respond = ({ method, body }: Received): Answered => {
        if (method === 'GET') return { body: policy() };
        writes += 1;
        return writes <= behind
          ? { status: 412, body: { errors: [{ message: 'another change came first' }] } }
          : { body: JSON.parse(body) };
      };
      const add = ['policy', 'add', 'p', '--role', 'writer', '--member', 'robot:ci'];
      api(respond);
      const added = await berth(...add, '--json');
      assert.deepEqual(JSON.parse(added.stdout), {
        bindings: [...policy().bindings, { role: 'writer', members: ['robot:ci'] }],
        writersDelete: true,
        etag: 'e2',
      });
      behind = Number.POSITIVE_INFINITY;
      onlyFails(await berth(...add), 5, /another change came first/);
    });

    it('no change of a policy that it does not understand', async () => {
      for (const bindings of [
        'x',
        [{ role: 'owner' }],
        [{ role: 'owner', members: [1] }],
        [null],
      ]) {
        api(() => ({ body: { etag: 'e', bindings, writersDelete: false } }));
        const add = ['policy', 'add', 'p', '--role', 'writer', '--member', 'robot:ci'];
        onlyFails(await berth(...add), 1, /what is no policy/);
        assert.ok(server.received.every(({ method }) => method !== 'PUT'));
      }
    });
  });
});
