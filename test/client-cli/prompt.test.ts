// What berth asks a person at a terminal: a real one, which util-linux's script makes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Scratch, scratch, unlessInstalled } from '#test/clients/client.ts';
import { endsWithTests } from '#test/support/ends-with-tests.ts';
import { bundleInto, oldestNode } from './programs.ts';
import { asRegistry, type SmallServer, startSmallServer } from './server.ts';

const password = 'a "pässword" with spaces';

describe('berth at a terminal', { skip: unlessInstalled('script') }, () => {
  let space: Scratch;
  let server: SmallServer;

  before(async () => {
    space = await scratch();
    server = await startSmallServer();
    space.after(() => server.close());
    bundleInto(join(space.path, 'bundles'));
  });
  after(() => space.remove());

  /** Logs in. @param answers to each question, typed when it is asked */
  const login = async (answers: readonly (readonly [string, string])[], ...more: string[]) => {
    server.answers(asRegistry(server.host, () => ({})));
    const berth = join(space.path, 'bundles/berth.js');
    const command = [oldestNode(), berth, 'login', server.host, ...more].join(' ');
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { PATH: process.env['PATH'], HOME: space.path, TERM: 'dumb', SHELL: '/bin/sh' },
      stdio: 'pipe',
    });
    endsWithTests(child, 'SIGKILL');
    const left = [...answers];
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
      const [next] = left;
      if (next === undefined || !shown.endsWith(next[0])) return;
      left.shift();
      child.stdin.write(next[1]);
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, shown };
  };
  const sent = () => {
    const { authorization = '' } = server.received.at(-1)?.headers ?? {};
    return Buffer.from(authorization.replace('Basic ', ''), 'base64').toString('utf8');
  };

  it('shows the name that is typed, and nothing of the password', async () => {
    const { code, shown } = await login([
      [`Username for ${server.host}: `, 'admix\u007fn\r'],
      ['Password: ', `${password}x\u007f\r`],
    ]);
    assert.equal(code, 0, shown);
    assert.equal(sent(), `admin:${password}`);
    assert.match(shown, /: admix\b/);
    assert.match(shown, /Password: \r\nLogged in to/);
  });

  it('takes both at once, when they are pasted', async () => {
    const { code, shown } = await login([
      [`Username for ${server.host}: `, `admin\r\n${password}\r\n`],
    ]);
    assert.equal(code, 0, shown);
    assert.equal(sent(), `admin:${password}`);
    assert.ok(!shown.includes(password));
  });

  it('asks for the password alone of who is named', async () => {
    const { code } = await login([['Password: ', `${password}\n`]], '-u', 'ci@p');
    assert.equal(code, 0);
    assert.equal(sent(), `ci@p:${password}`);
  });

  for (const [key, name] of [
    ['\u0003', 'Control-C'],
    ['\u0004', 'Control-D'],
  ] as const) {
    it(`ends at ${name}, having asked nobody`, async () => {
      const { code, shown } = await login([['Password: ', key]], '-u', 'admin');
      assert.equal(code, 2);
      assert.match(shown, /berth: nothing was entered/);
      assert.deepEqual(server.received, []);
    });
  }
});
