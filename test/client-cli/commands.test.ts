// berth's commands, one after another, at a real registry.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Scratch, scratch } from '#test/clients/client.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import {
  type GoogleIdentityServer,
  startGoogleIdentity,
} from '#test/support/google-identity/server.ts';
import { type Ended, type Programs, programsIn } from './programs.ts';

describe('berth at a real registry', () => {
  let space: Scratch;
  let berth: RunningBerth;
  let google: GoogleIdentityServer;
  let programs: Programs;

  before(async () => {
    space = await scratch();
    google = await startGoogleIdentity();
    space.after(() => google.close());
    berth = await startBerth({ environment: { BERTH_GOOGLE_STAND_IN: google.url } });
    space.after(() => berth.remove());
    programs = programsIn(space.path, { BERTH_REGISTRY: berth.host });
    await as('admin', berth.password);
  });
  after(() => space.remove());

  const as = async (username: string, password: string) => {
    const login = ['login', '-u', username, '--password-stdin'];
    const { code, stderr } = await programs.berth(login, { input: password });
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  };
  /** Runs a command that must succeed. @returns what programs are told */
  const json = async (...parameters: string[]) => {
    const { code, stdout, stderr } = await programs.berth([...parameters, '--json']);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const people = async (...parameters: string[]) => {
    const { code, stdout, stderr } = await programs.berth(parameters);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const ends = async (code: number, message: RegExp, ...parameters: string[]): Promise<Ended> => {
    const ended = await programs.berth(parameters);
    assert.match(ended.stderr, message);
    assert.match(ended.stderr, /^berth: [^\n]*\n$/);
    assert.deepEqual({ code: ended.code, stdout: ended.stdout }, { code, stdout: '' });
    return ended;
  };

  it('makes robots, shows, changes and removes them', async () => {
    const made = await json('robot', 'create', 'p', 'ci', '--role', 'writer', '--prefix', 'p/a');
    assert.equal(made.username, 'ci@p');
    assert.ok(made.secret.secret.length >= 43);
    await ends(5, /\(request [\w-]+\)/, 'robot', 'create', 'p', 'ci', '--role', 'reader');
    const second = await programs.berth(['robot', 'create', 'p', 'two', '--role', 'reader']);
    assert.match(second.stdout, /^username: {2}two@p\nsecret id: \S+\nsecret: {4}\S+\n$/);
    assert.match(second.stderr, /shown this once/);
    const list = await people('robot', 'list', 'p');
    const rows = list
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    assert.deepEqual(rows, [
      ['USERNAME', 'ROLE', 'PREFIX', 'SECRETS', 'EXPIRES', 'STATE'],
      ['ci@p', 'writer', 'p/a', '1', 'never', 'enabled'],
      ['two@p', 'reader', '1', 'never', 'enabled'],
    ]);
    const changed = await json(
      'robot',
      'update',
      'p',
      'ci',
      '--no-prefix',
      '--role',
      'reader',
      '--expires',
      '90d',
      '--disable',
    );
    assert.deepEqual(
      { role: changed.role, prefix: changed.prefix, disabled: changed.disabled },
      { role: 'reader', prefix: undefined, disabled: true },
    );
    assert.ok(Date.parse(changed.expiresAt) > Date.now() + 89 * 86_400_000);
    const undone = await json(
      'robot',
      'update',
      'p',
      'ci',
      '--no-expires',
      '--enable',
      '--prefix',
      'p/b',
    );
    assert.deepEqual([undone.expiresAt, undone.disabled, undone.prefix], [undefined, false, 'p/b']);
    assert.deepEqual(await json('robot', 'show', 'p', 'ci'), undone);
    assert.match(await people('robot', 'show', 'p', 'ci'), /SECRET +CREATED +EXPIRES/);
    await ends(4, /robot/, 'robot', 'show', 'p', 'nobody');
    await ends(4, /robot/, 'robot', 'delete', 'p', 'nobody');
    assert.equal(await people('robot', 'delete', 'p', 'two'), 'Deleted two@p\n');
    assert.deepEqual(await json('robot', 'delete', 'p', 'ci'), { robot: 'ci@p', deleted: true });
    assert.deepEqual(await json('robot', 'list', 'p'), { robots: [] });
  });

  it('lets a secret be exchanged without downtime, as the robot itself sees it', async () => {
    const { secret: first } = await json('robot', 'create', 'p', 'ci', '--role', 'writer');
    const second = await json('robot', 'secret', 'create', 'p', 'ci', '--expires', '90d');
    assert.equal(second.username, 'ci@p');
    const { secrets } = await json('robot', 'show', 'p', 'ci');
    assert.equal(secrets.length, 2);
    const revoked = await json('robot', 'secret', 'revoke', 'p', 'ci', first.id);
    assert.deepEqual(revoked, { robot: 'ci@p', secret: first.id, revoked: true });
    await ends(4, /secret/, 'robot', 'secret', 'revoke', 'p', 'ci', first.id);
    const old = await programs.berth(['login', '-u', 'ci@p', '--password-stdin'], {
      input: first.secret,
    });
    assert.equal(old.code, 3);
    await as('ci@p', second.secret);
    assert.equal((await json('whoami')).principal, 'robot:ci@p');
    // A writer, who administers nothing.
    await ends(3, /\(request [\w-]+\)/, 'robot', 'list', 'p');
    await ends(3, /\(request [\w-]+\)/, 'policy', 'get', 'p');
    await ends(3, /\(request [\w-]+\)/, 'audit', 'p');
    await as('admin', berth.password);
  });

  it('changes policies by one binding, and by the whole', async () => {
    const added = await json(
      'policy',
      'add',
      'p',
      '--role',
      'writer',
      '--member',
      'user:a@example.com',
      '--member',
      'user:b@example.com',
      '--prefix',
      'p/backend',
    );
    assert.deepEqual(added.bindings, [
      {
        role: 'writer',
        members: ['user:a@example.com', 'user:b@example.com'],
        prefix: 'p/backend',
      },
    ]);
    const same = await json(
      'policy',
      'add',
      'p',
      '--role',
      'writer',
      '--member',
      'user:a@example.com',
      '--prefix',
      'p/backend',
    );
    assert.equal(same.etag, added.etag);
    const shown = await people('policy', 'get', 'p');
    assert.match(shown, /^ROLE +MEMBER +PREFIX\nwriter +user:a@example.com +p\/backend\n/);
    assert.match(shown, /\nWriters may not delete\.\n$/);
    await ends(
      4,
      /none of these members/,
      'policy',
      'remove',
      'p',
      '--role',
      'writer',
      '--member',
      'user:a@example.com',
    );
    const removed = await json(
      'policy',
      'remove',
      'p',
      '--role',
      'writer',
      '--member',
      'user:a@example.com',
      '--prefix',
      'p/backend',
    );
    assert.deepEqual(removed.bindings[0].members, ['user:b@example.com']);
    const file = join(space.path, 'policy.json');
    await writeFile(file, JSON.stringify({ ...removed, bindings: [] }));
    const emptied = await json('policy', 'set', 'p', file, '--writers-delete=yes');
    assert.deepEqual([emptied.bindings, emptied.writersDelete], [[], true]);
    // The file is of a policy that stands no more.
    await ends(5, /\(request [\w-]+\)/, 'policy', 'set', 'p', file);
    const forced = await json('policy', 'set', 'p', file, '--overwrite');
    assert.equal(forced.writersDelete, false);
    assert.equal((await json('policy', 'set', 'p', '--writers-delete=yes')).writersDelete, true);
    const kept = await json('policy', 'set', 'p', '--gcr-deletes=yes');
    assert.deepEqual([kept.writersDelete, kept.gcrDeletes], [true, true]);
    assert.match(await people('policy', 'get', 'p'), /\nWhat is tagged, .* is not deleted\.\n$/);
    const both = await json('policy', 'set', 'p', '--writers-delete=no', '--gcr-deletes=no');
    assert.deepEqual([both.writersDelete, both.gcrDeletes], [false, false]);
    await json('policy', 'set', 'p', '--gcr-deletes=yes');
    const more = await json('policy', 'add', 'p', '--role', 'reader', '--member', 'allUsers');
    assert.equal(more.gcrDeletes, true);
    await ends(2, /--gcr-deletes is yes or no/, 'policy', 'set', 'p', '--gcr-deletes=perhaps');
    await ends(
      1,
      /\(request [\w-]+\)/,
      'policy',
      'add',
      'p',
      '--role',
      'writer',
      '--member',
      'nobody',
    );
  });

  it('loses no change of a policy that is made at the same time', async () => {
    const members = ['a', 'b', 'c'].map((name) => `user:${name}@example.com`);
    const all = await Promise.all(
      members.map((member) =>
        programs.berth(['policy', 'add', 'q', '--role', 'reader', '--member', member]),
      ),
    );
    assert.deepEqual(
      all.map(({ code }) => code),
      [0, 0, 0],
    );
    const { bindings } = await json('policy', 'get', 'q');
    assert.deepEqual(new Set(bindings[0].members), new Set(members));
  });

  it('says whose jobs are trusted', async () => {
    const add = ['federation', 'add', 'p', '--issuer', 'github', '--role', 'writer'];
    const rule = await json(
      ...add,
      '--id',
      'main',
      '--claim',
      'repository=my-org/my-repo',
      '--claim',
      'ref=refs/heads/*',
    );
    assert.deepEqual(rule, {
      id: 'main',
      issuer: 'https://token.actions.githubusercontent.com',
      claims: { repository: 'my-org/my-repo', ref: 'refs/heads/*' },
      role: 'writer',
    });
    await ends(1, /GitHub Actions|whose|repository/, ...add);
    await ends(5, /main/, ...add, '--id', 'main', '--claim', 'repository=my-org/other');
    const narrowed = await json(
      'federation',
      'update',
      'p',
      'main',
      '--prefix',
      'p/a',
      '--audience',
      'x',
    );
    assert.deepEqual(narrowed, { ...rule, prefix: 'p/a', audience: 'x' });
    const widened = await json('federation', 'update', 'p', 'main', '--no-prefix', '--no-audience');
    assert.deepEqual(widened, rule);
    assert.match(
      await people('federation', 'list', 'p'),
      /main +https:\S+ +repository=my-org\/my-repo ref=/,
    );
    await ends(
      4,
      /there is no rule other/,
      'federation',
      'update',
      'p',
      'other',
      '--role',
      'reader',
    );
    await people('federation', 'remove', 'p', 'main');
    await ends(4, /main/, 'federation', 'remove', 'p', 'main');
    assert.deepEqual((await json('federation', 'list', 'p')).rules, []);
  });

  it('tells who changed what, as much as is asked for', async () => {
    const { entries } = await json('audit', 'p', '-n', '100');
    const actions = new Set(entries.map(({ action }: { action: string }) => action));
    for (const action of [
      'robot.create',
      'robot.secret.revoke',
      'policy.change',
      'federation.delete',
    ]) {
      assert.ok(actions.has(action), action);
    }
    assert.deepEqual((await json('audit', 'p', '-n', '3')).entries, entries.slice(0, 3));
    const some = await json('audit', 'p', '--action', 'robot.delete');
    assert.equal(some.entries.length, 2);
    const table = await people('audit', 'p', '-n', '2');
    assert.match(
      table,
      /^AT +ACTOR +ACTION +WHAT +FROM +REQUEST\n\d{4}-.* user:admin +federation\.delete /,
    );
    const [latest] = entries;
    assert.ok(latest.detail.length > 0 && table.includes(latest.detail), table);
    await ends(1, /action must be one of/, 'audit', 'p', '--action', 'x');
  });

  it('lists projects', async () => {
    const { projects } = await json('project', 'list');
    assert.deepEqual(projects, [
      { project: 'p', role: 'owner' },
      { project: 'q', role: 'owner' },
    ]);
    assert.equal(
      await people('project', 'list'),
      'PROJECT  ROLE\np        owner\nq        owner\n',
    );
  });

  it('is a service account by Google’s credentials, with no login at all', async () => {
    const account = await google.addServiceAccount('owner');
    const key = join(space.path, 'key.json');
    await writeFile(key, account.keyJson);
    await json(
      'policy',
      'add',
      'g',
      '--role',
      'owner',
      '--member',
      `serviceAccount:${account.email}`,
    );
    await people('logout');
    const environment = {
      GOOGLE_APPLICATION_CREDENTIALS: key,
      DOCKER_CONFIG: join(space.path, 'docker'),
    };
    const nobody = await programs.berth(['whoami'], { environment });
    assert.equal(nobody.code, 3);
    await programs.credential(['configure-docker', `--registries=${berth.host}`], { environment });
    const who = await programs.berth(['whoami', '--json'], { environment });
    assert.equal(JSON.parse(who.stdout).principal, `serviceAccount:${account.email}`);
    const policy = await programs.berth(['policy', 'get', 'g'], { environment });
    assert.match(policy.stdout, /\nowner +serviceAccount:/);
    const other = await programs.berth(['policy', 'get', 'p'], { environment });
    assert.equal(other.code, 3);
    // It would lock itself out.
    const leave = ['policy', 'remove', 'g', '--role', 'owner'];
    const member = ['--member', `serviceAccount:${account.email}`];
    const kept = await programs.berth([...leave, ...member], { environment });
    assert.equal(kept.code, 1);
    assert.match(kept.stderr, /would own g no more/);
    const left = await programs.berth([...leave, ...member, '--force'], { environment });
    assert.deepEqual([left.code, left.stderr], [0, '']);
  });
});
