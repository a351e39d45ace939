// How berth is used, and what it says when it is used wrongly.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Scratch, scratch } from '#test/clients/client.ts';
import { type Programs, programsIn } from './programs.ts';

const commands = [
  'login',
  'logout',
  'whoami',
  'project list',
  'policy get',
  'policy set',
  'policy add',
  'policy remove',
  'robot list',
  'robot create',
  'robot show',
  'robot update',
  'robot delete',
  'robot secret create',
  'robot secret revoke',
  'federation list',
  'federation add',
  'federation update',
  'federation remove',
  'audit',
];

describe('berth', () => {
  let space: Scratch;
  let programs: Programs;

  before(async () => {
    space = await scratch();
    programs = programsIn(space.path);
  });
  after(() => space.remove());

  for (const command of commands) {
    it(`${command} --help has an example, the exit codes, --json and --registry`, async () => {
      const { code, stdout, stderr } = await programs.berth([...command.split(' '), '--help']);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.match(stdout, new RegExp(`Example:\\n(?:  .*\\n)*  berth ${command}`));
      assert.match(stdout, /Exit codes:\n {2}0 done/);
      for (const option of ['--json', '--registry <host>', '--plain-http', '--help']) {
        assert.ok(stdout.includes(option), option);
      }
      // A secret on the command line is in everybody's list of processes, and in the shell's history.
      assert.doesNotMatch(stdout, /--(password|token|secret)\b(?!-)/);
    });
  }

  const wrong: readonly [string[], RegExp][] = [
    [['nothing'], /unknown command 'nothing'; see berth --help/],
    [['robot', 'list'], /missing required argument 'project'; see berth robot list --help/],
    [['robot', 'list', 'p', 'q'], /too many arguments/],
    [['robot', 'create', 'p', 'ci'], /--role <role>' not specified/],
    [['robot', 'create', 'p', 'ci', '--role', 'root'], /Allowed choices are owner, writer, reader/],
    [['robot', 'update', 'p', 'ci', '--enable', '--disable'], /either --disable or --enable/],
    [['robot', 'update', 'p', 'ci'], /change what\?/],
    [['robot', 'update', 'p', 'ci', '--expires', 'soon'], /soon is no time: write 90d/],
    [['policy', 'add', 'p', '--role', 'owner'], /--member <member>' not specified/],
    [['policy', 'set', 'p'], /which policy\?/],
    [['policy', 'set', 'p', '--writers-delete', 'maybe'], /is yes or no/],
    [['policy', 'set', 'p', '/nowhere.json'], /there is no file/],
    [['federation', 'add', 'p'], /--issuer is needed/],
    [['federation', 'add', 'p', '--issuer', 'github', '--claim', 'x'], /x is no claim/],
    [['audit', 'p', '-n', '0'], /-n is how many/],
    [['whoami', '--registry', 'a b'], /a b is not a registry/],
    [['whoami', '--password', 'x'], /unknown option '--password'/],
    [['login', 'registry.example.com/x'], /is not a registry: write HOST or HOST:PORT/],
    [['login', 'localhost:1'], /--password-stdin/],
    [['login', 'localhost:1', '--password-stdin'], /-u USER/],
    [['login', 'localhost:1', '--password-stdin', '-u', 'a:b'], /no colon/],
    [['login', 'localhost:1', '--password-stdin', '-u', 'ci'], /the password is empty/],
    [['login', 'localhost:1', '--oidc', '-u', 'ci'], /either --oidc or a username/],
    [['login', 'localhost:1', '--oidc'], /no ID token: .*GitLab.*GitHub/],
    [['login', '--registry', 'localhost:1', '--oidc', 'localhost:1'], /HOST comes before --oidc/],
  ];
  for (const [parameters, message] of wrong) {
    it(`ends with 2 and one line: berth ${parameters.join(' ')}`, async () => {
      const { code, stdout, stderr } = await programs.berth([
        ...parameters,
        ...(/^(robot|policy|federation|audit)$/.test(parameters[0] ?? '')
          ? ['--registry', 'localhost:1']
          : []),
      ]);
      assert.match(stderr, message);
      assert.match(stderr, /^berth: [^\n]*\n$/);
      assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
    });
  }

  it('says who has to be asked when no registry is named anywhere', async () => {
    const { code, stderr } = await programs.berth(['whoami']);
    assert.equal(code, 3);
    assert.match(stderr, /--registry or BERTH_REGISTRY, or log in: berth login HOST/);
  });

  it('shows its groups, and their commands', async () => {
    for (const group of ['project', 'policy', 'robot', 'robot secret', 'federation', 'events']) {
      const { code, stderr } = await programs.berth(group.split(' '));
      assert.equal(code, 2);
      assert.match(stderr, new RegExp(`Usage: berth ${group}`));
    }
    assert.equal((await programs.berth(['--help'])).code, 0);
  });
});
