// docker-credential-berth, as Docker calls it.

import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Scratch, scratch } from '#test/clients/client.ts';
import { type Programs, programsIn } from './programs.ts';

const notFound = 'credentials not found in native keychain\n';

describe('docker-credential-berth', () => {
  let space: Scratch;
  let programs: Programs;
  let config: string;

  before(async () => {
    space = await scratch();
    config = join(space.path, 'config');
    programs = programsIn(space.path, { BERTH_CONFIG: config });
  });
  after(() => space.remove());

  const call = (action: string, input: string | Uint8Array) =>
    programs.credential([action], { input });
  const store = (serverUrl: string, username: string, secret: string) =>
    call('store', JSON.stringify({ ServerURL: serverUrl, Username: username, Secret: secret }));
  const get = async (serverUrl: string) => {
    const { code, stdout } = await call('get', serverUrl);
    return code === 0 ? JSON.parse(stdout) : { code, stdout };
  };

  it('gives out what Docker stored, and nothing after it was erased', async () => {
    assert.deepEqual(await store('registry.example.com', 'admin', 'päss "wörd"\n'), {
      code: 0,
      stdout: '',
      stderr: '',
    });
    assert.deepEqual(await get('registry.example.com'), {
      ServerURL: 'registry.example.com',
      Username: 'admin',
      Secret: 'päss "wörd"\n',
    });
    for (let time = 0; time < 2; time += 1) {
      const erased = await call('erase', 'registry.example.com\n');
      assert.deepEqual(erased, { code: 0, stdout: '', stderr: '' });
    }
    assert.deepEqual(await get('registry.example.com'), { code: 1, stdout: notFound });
  });

  it('knows a registry however it is written, and its port apart', async () => {
    await store('https://One.example.com:5000/v2/', 'admin', 'secret');
    for (const one of [
      'one.example.com:5000',
      'https://one.example.com:5000',
      ' http://ONE.example.com:5000/v1/ \r\n',
    ]) {
      const { Secret, ServerURL } = await get(one);
      assert.deepEqual({ Secret, ServerURL }, { Secret: 'secret', ServerURL: one.trim() });
    }
    for (const other of ['one.example.com', 'one.example.com:5001', 'two.one.example.com:5000']) {
      assert.deepEqual(await get(other), { code: 1, stdout: notFound });
    }
    await call('erase', 'one.example.com:5000');
  });

  it('lists what is stored by the addresses that it was stored with', async () => {
    await store('https://index.docker.io/v1/', 'somebody', 'secret');
    await store('[::1]:5000', '<token>', 'a-refresh-token');
    const { code, stdout } = await call('list', '');
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), {
      'https://index.docker.io/v1/': 'somebody',
      '[::1]:5000': '<token>',
    });
    assert.deepEqual(await get('[::1]:5000'), {
      ServerURL: '[::1]:5000',
      Username: '<token>',
      Secret: 'a-refresh-token',
    });
    await call('erase', '[::1]:5000');
    await call('erase', 'https://index.docker.io/v1/');
    assert.equal((await call('list', '')).stdout, '{}\n');
  });

  it('says its version', async () => {
    const { version } = JSON.parse(
      await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'),
    );
    const said = { code: 0, stdout: `docker-credential-berth ${version}\n`, stderr: '' };
    assert.deepEqual(await call('version', ''), said);
  });

  it('keeps secrets where nobody else may read, whatever the umask was and the mode is', async () => {
    await store('private.example.com', 'admin', 'secret');
    const file = join(config, 'logins/private.example.com.json');
    await chmod(file, 0o644);
    await chmod(join(config, 'logins'), 0o755);
    await store('private.example.com', 'admin', 'another');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await stat(join(config, 'logins'))).mode & 0o777, 0o700);
    assert.equal((await stat(config)).mode & 0o777, 0o700);
    await call('erase', 'private.example.com');
  });

  it('loses none of the logins that are stored at the same time, and leaves no draft', async () => {
    const hosts = Array.from({ length: 6 }, (_, at) => `r${at}.example.com`);
    await Promise.all(hosts.map((host) => store(host, host, 'secret')));
    const listed = JSON.parse((await call('list', '')).stdout);
    assert.deepEqual(new Set(Object.keys(listed)), new Set(hosts));
    const files = await readdir(join(config, 'logins'));
    assert.deepEqual(new Set(files), new Set(hosts.map((host) => `${host}.json`)));
    await Promise.all(hosts.map((host) => call('erase', host)));
  });

  it('takes a login that has expired for none', async () => {
    await store('soon.example.com', 'admin', 'secret');
    const file = join(config, 'logins/soon.example.com.json');
    const login = JSON.parse(await readFile(file, 'utf8'));
    for (const [expiresAt, isThere] of [
      [new Date(Date.now() - 1000), false],
      [new Date(Date.now() + 60_000), true],
    ] as const) {
      await writeFile(file, JSON.stringify({ ...login, expiresAt }));
      assert.equal('Secret' in (await get('soon.example.com')), isThere);
    }
    await call('erase', 'soon.example.com');
  });

  const refused: readonly [string, string, string | Uint8Array, string][] = [
    ['get', 'nothing', '', 'no credentials server URL\n'],
    ['get', 'spaces', ' \n', 'no credentials server URL\n'],
    ['get', 'a path out of the directory', '../../etc/passwd', notFound],
    ['get', 'a path that is escaped', '%2e%2e%2fetc', notFound],
    ['get', 'a name that is too long', 'a'.repeat(300), notFound],
    ['get', 'bytes that are no text', new Uint8Array([0xff, 0xfe, 0]), notFound],
    ['get', 'a terminal’s commands', '\u001b]0;x\u0007', notFound],
    ['get', 'a password in the URL', 'https://user:password@registry.example.com', notFound],
    ['erase', 'nothing', '', 'no credentials server URL\n'],
    ['store', 'nothing', '', 'no credentials server URL\n'],
    ['store', 'no JSON', '{', 'no credentials server URL\n'],
    ['store', 'a list', '[]', 'no credentials server URL\n'],
    ['store', 'no username', '{"ServerURL":"a.example.com"}', 'no credentials username\n'],
    [
      'store',
      'a username that is no text',
      '{"ServerURL":"a.example.com","Username":{},"Secret":"s"}',
      'no credentials username\n',
    ],
    [
      'store',
      'a server that is none',
      '{"ServerURL":"../x","Username":"u","Secret":"s"}',
      'the server URL names no registry\n',
    ],
    [
      'store',
      'too much',
      'x'.repeat(1024 * 1024 + 1),
      'more than 1048576 bytes on standard input\n',
    ],
  ];
  for (const [action, what, input, stdout] of refused) {
    it(`answers on standard output when ${action} is given ${what}`, async () => {
      assert.deepEqual(await call(action, input), { code: 1, stdout, stderr: '' });
    });
  }

  it('takes a login that was tampered with for none', async () => {
    await mkdir(join(config, 'logins'), { recursive: true });
    const right = { host: 'other.example.com', username: 'a', kind: 'password', secret: 's' };
    for (const text of ['', '{', 'null', '[]', '{"host":1}', JSON.stringify(right)]) {
      await writeFile(join(config, 'logins/t.example.com.json'), text);
      assert.deepEqual(await get('t.example.com'), { code: 1, stdout: notFound });
    }
    assert.equal((await call('list', '')).stdout, '{}\n');
  });

  it('shows its commands, and with none ends as wrongly used', async () => {
    const help = await programs.credential(['--help']);
    assert.equal(help.code, 0);
    for (const word of ['configure-docker', 'config', 'get', 'store', 'erase', 'list', 'version']) {
      assert.match(help.stdout, new RegExp(`^  ${word}\\b`, 'm'));
    }
    assert.equal((await programs.credential(['help'])).code, 0);
    assert.equal((await programs.credential([])).code, 2);
    assert.equal((await programs.credential(['get', 'registry.example.com'])).code, 2);
  });
});
