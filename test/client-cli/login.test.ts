// berth login and logout, at a real registry.

import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Scratch, scratch } from '#test/clients/client.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { freePort } from '#test/support/free-port.ts';
import { type OidcIssuer, startOidcIssuer } from '#test/support/oidc-issuer.ts';
import { type Programs, programsIn } from './programs.ts';
import { type SmallServer, startSmallServer } from './server.ts';

describe('berth login', () => {
  let space: Scratch;
  let berth: RunningBerth;
  let issuer: OidcIssuer;
  let github: SmallServer;
  let programs: Programs;
  let config: string;
  let port: string;

  before(async () => {
    space = await scratch();
    issuer = await startOidcIssuer();
    space.after(() => issuer.close());
    github = await startSmallServer();
    space.after(() => github.close());
    port = String(await freePort('127.0.0.1'));
    berth = await start();
    space.after(() => berth.remove());
    config = join(space.path, 'config');
    programs = programsIn(space.path, { BERTH_CONFIG: config });
  });
  after(() => space.remove());

  const start = () =>
    startBerth({
      environment: { BERTH_PRIVATE_ISSUERS: issuer.url, PORT: port },
      dataDirectory: join(space.path, 'data'),
    });
  const login = (input: string, ...more: string[]) =>
    programs.berth(['login', berth.host, ...more], { input });
  const asAdmin = (...more: string[]) =>
    login(`${berth.password}\n`, '-u', 'admin', '--password-stdin', ...more);
  const whoami = async () => {
    const { code, stdout } = await programs.berth(['whoami', '--json', '--registry', berth.host]);
    return code === 0 ? JSON.parse(stdout) : code;
  };
  const get = async () => {
    const { code, stdout } = await programs.credential(['get'], { input: berth.host });
    return code === 0 ? JSON.parse(stdout) : stdout;
  };

  it('keeps a refresh token and not the password, and gives it to Docker', async () => {
    const said = await asAdmin();
    assert.deepEqual(said, {
      code: 0,
      stdout: `Logged in to ${berth.host} as admin (a refresh token is kept, not the password)\n`,
      stderr: '',
    });
    const { Username, Secret } = await get();
    assert.equal(Username, '<token>');
    for (const file of await readdir(join(config, 'logins'))) {
      const text = await readFile(join(config, 'logins', file), 'utf8');
      assert.ok(text.includes(Secret) && !text.includes(berth.password));
    }
    const { principal, operator } = await whoami();
    assert.deepEqual({ principal, operator }, { principal: 'user:admin', operator: true });
  });

  it('is the registry of what comes after it', async () => {
    assert.match(
      (await programs.berth(['whoami'])).stdout,
      new RegExp(`at ${berth.host}, an operator`),
    );
    const { stdout } = await programs.berth(['whoami'], {
      environment: { BERTH_REGISTRY: `http://${berth.host}` },
    });
    assert.match(stdout, new RegExp(`at ${berth.host}`));
  });

  it('ends at logout, also for who has a copy of what was kept', async () => {
    const { Secret } = await get();
    const out = await programs.berth(['logout', berth.host, '--json']);
    assert.deepEqual(JSON.parse(out.stdout), { host: berth.host, removed: true, revoked: true });
    assert.equal(await get(), 'credentials not found in native keychain\n');
    assert.equal(await whoami(), 3);
    // What an instance has just seen to be good it may take for good a while longer; others do not.
    await berth.stop();
    berth = await start();
    const copy = { ServerURL: berth.host, Username: '<token>', Secret };
    await programs.credential(['store'], { input: JSON.stringify(copy) });
    assert.equal(await whoami(), 3);
    const again = await programs.berth(['logout', berth.host]);
    assert.match(again.stdout, /^Logged out of/);
    assert.match((await programs.berth(['logout', berth.host])).stdout, /You were not logged in/);
  });

  it('stays where it cannot be revoked, unless it is to be forgotten all the same', async () => {
    const gone = await startSmallServer();
    gone.answers(() => ({ status: 503 }));
    const kept = { ServerURL: gone.host, Username: '<token>', Secret: 'x' };
    await programs.credential(['store'], { input: JSON.stringify(kept) });
    const failed = await programs.berth(['logout', gone.host]);
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /still logged in, .*answered 503; --local forgets it/);
    const { stdout } = await programs.berth(['logout', gone.host, '--local']);
    assert.equal(stdout, `Logged out of ${gone.host}\n`);
    assert.equal(gone.received.length, 1);
    await gone.close();
  });

  it('is refused with a wrong password, and keeps nothing', async () => {
    const { code, stdout, stderr } = await login('wrong', '-u', 'admin', '--password-stdin');
    assert.deepEqual({ code, stdout }, { code: 3, stdout: '' });
    assert.match(stderr, /^berth: the username or the password is wrong.*\(request [\w-]+\)\n$/);
    assert.equal(await get(), 'credentials not found in native keychain\n');
  });

  it('answers programs in JSON, without secrets', async () => {
    const { stdout } = await asAdmin('--json');
    assert.deepEqual(JSON.parse(stdout), { host: berth.host, username: 'admin', kind: 'refresh' });
  });

  describe('with a CI job’s ID token', () => {
    before(async () => {
      assert.equal((await asAdmin()).code, 0);
      const claim = ['--claim', 'repository=my-org/my-repo', '--role', 'writer'];
      const rule = ['federation', 'add', 'p', '--issuer', issuer.url, ...claim];
      const added = await programs.berth([...rule, '--registry', berth.host]);
      assert.equal(added.stderr, '');
    });

    const token = (claims: Readonly<Record<string, unknown>> = {}) =>
      issuer.token({
        aud: `https://${berth.host}`,
        sub: 'repo:my-org/my-repo:ref:refs/heads/main',
        repository: 'my-org/my-repo',
        ...claims,
      });
    const ways: readonly [string, () => Promise<Awaited<ReturnType<typeof login>>>][] = [
      ['on standard input', async () => login(`${await token()}\n`, '--oidc', '-')],
      [
        'in a file',
        async () => {
          const file = join(space.path, 'token');
          await writeFile(file, `${await token()}\n`);
          return login('', '--oidc', file);
        },
      ],
      [
        'in GitLab’s variable',
        async () =>
          programs.berth(['login', '--oidc', '--registry', berth.host], {
            environment: { BERTH_ID_TOKEN: await token() },
          }),
      ],
      [
        'that GitHub makes',
        async () => {
          const value = await token();
          github.answers(({ path, headers }) =>
            headers.authorization === 'Bearer request-token' &&
            path === `/token?v=1&audience=${encodeURIComponent(`https://${berth.host}`)}`
              ? { body: { value } }
              : { status: 401 },
          );
          return programs.berth(['login', berth.host, '--oidc'], {
            environment: {
              ACTIONS_ID_TOKEN_REQUEST_URL: `http://${github.host}/token?v=1`,
              ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-token',
            },
          });
        },
      ],
    ];
    for (const [where, way] of ways) {
      it(`${where}: is for as long as the job may take`, async () => {
        await programs.berth(['logout', berth.host, '--local']);
        const { code, stdout, stderr } = await way();
        assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
        assert.match(stdout, /as _oidc \(until the registry ends it, .*no lasting login\)\n$/);
        assert.equal((await get()).Username, '<token>');
        const { principal } = await whoami();
        assert.match(principal, /^principal:\/\/.*\/repo:my-org\/my-repo/);
      });
    }

    const refused: readonly [string, () => Promise<string>, number, RegExp][] = [
      ['that is over', () => token({ exp: 1_000_000_000 }), 1, /has expired: get another/],
      ['that is none', async () => 'no-token', 1, /is no ID token/],
      ['that is forged', async () => `${(await token()).slice(0, -8)}AAAAAAAA`, 3, /wrong/],
    ];
    for (const [what, make, code, message] of refused) {
      it(`${what}: is refused`, async () => {
        const ended = await login(await make(), '--oidc', '-');
        assert.match(ended.stderr, message);
        assert.deepEqual({ code: ended.code, stdout: ended.stdout }, { code, stdout: '' });
      });
    }
  });
});
