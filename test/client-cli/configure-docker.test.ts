// Docker's config.json, of which nothing but the one entry may change.

import assert from 'node:assert/strict';
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { withHelper } from '#infra/client/docker-config.ts';
import { type Scratch, scratch } from '#test/clients/client.ts';
import { type Programs, programsIn } from './programs.ts';

const host = 'registry.example.com';
const configured = (text: string, hosts: readonly string[] = [host], overwrite = false) =>
  withHelper(text, hosts, overwrite, 'config.json').text;

describe('the text of a config.json', () => {
  const rows: readonly [string, string, string][] = [
    ['empty', '', `{\n\t"credHelpers": {\n\t\t"${host}": "berth"\n\t}\n}\n`],
    ['an empty object', '{}', `{\n\t"credHelpers": {\n\t\t"${host}": "berth"\n\t}\n}`],
    [
      "Docker's",
      '{\n\t"auths": {\n\t\t"a": {}\n\t}\n}',
      `{\n\t"auths": {\n\t\t"a": {}\n\t},\n\t"credHelpers": {\n\t\t"${host}": "berth"\n\t}\n}`,
    ],
    [
      'with helpers, by two spaces, and the end of a line',
      '{\n  "credHelpers": {\n    "gcr.io": "gcr"\n  },\n  "n": 1e400\n}\n',
      `{\n  "credHelpers": {\n    "gcr.io": "gcr",\n    "${host}": "berth"\n  },\n  "n": 1e400\n}\n`,
    ],
    [
      'with no helpers in their object',
      '{\r\n  "credHelpers": {},\r\n  "a": 1.0\r\n}',
      `{\r\n  "credHelpers": {\r\n    "${host}": "berth"\r\n  },\r\n  "a": 1.0\r\n}`,
    ],
    ['in one line', '{"10":1,"2":[{}]}', `{"10":1,"2":[{}],"credHelpers":{"${host}":"berth"}}`],
    ['with null for helpers', '{"credHelpers": null}', `{"credHelpers": {"${host}": "berth"}}`],
    [
      'with braces and quotes in texts',
      '{"a": "}\\"{,", "credHelpers": {"}": "x\\\\"}}',
      `{"a": "}\\"{,", "credHelpers": {"}": "x\\\\","${host}": "berth"}}`,
    ],
    [
      'with the key twice, of which the last counts',
      '{"credHelpers":{"a":"b"},"credHelpers":{"c":"d"}}',
      `{"credHelpers":{"a":"b"},"credHelpers":{"c":"d","${host}":"berth"}}`,
    ],
    [
      'with the key in escapes',
      '{"\\u0063redHelpers":{"a":"b"}}',
      `{"\\u0063redHelpers":{"a":"b","${host}":"berth"}}`,
    ],
  ];
  for (const [what, before, after] of rows) {
    it(`${what}: gets the one entry`, () => assert.equal(configured(before), after));
  }

  it('stays as it is byte for byte, whatever stands in it, but for the entry', () => {
    const space = fc.constantFrom(0, 1, 2, 4, '\t', '   ');
    const helpers = fc.option(fc.dictionary(fc.string(), fc.string()), { nil: undefined });
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()),
        helpers,
        space,
        fc.boolean(),
        (others, credHelpers, indentation, isWindows) => {
          const { credHelpers: _, ...rest } = others;
          const all = credHelpers === undefined ? rest : { ...rest, credHelpers };
          const plain = JSON.stringify(all, undefined, indentation);
          const before = isWindows ? plain.replaceAll('\n', '\r\n') : plain;
          const after = configured(before);
          const parsed = JSON.parse(after);
          assert.deepEqual(parsed.credHelpers, {
            ...JSON.parse(plain).credHelpers,
            [host]: 'berth',
          });
          // What was put in is one piece; before and after it stands what was there.
          const isEmpty = Object.keys(credHelpers ?? { a: 1 }).length === 0;
          if (Object.keys(all).length > 0 && !isEmpty) {
            let same = 0;
            while (same < before.length && before[same] === after[same]) same += 1;
            assert.ok(after.endsWith(before.slice(same)));
          }
          const left = { ...parsed.credHelpers };
          delete left[host];
          assert.deepEqual(
            { ...parsed, credHelpers: left },
            { ...JSON.parse(plain), credHelpers: left },
          );
          assert.equal(configured(after), after);
          assert.equal(/(^|[^\r])\n/.test(after) && isWindows && before.includes('\n'), false);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('docker-credential-berth configure-docker', () => {
  let space: Scratch;
  let programs: Programs;
  let docker: string;
  let file: string;
  let config: string;

  before(async () => {
    space = await scratch();
    docker = join(space.path, 'docker');
    file = join(docker, 'config.json');
    config = join(space.path, 'config');
    const bin = join(space.path, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'docker-credential-berth'), '');
    programs = programsIn(space.path, {
      DOCKER_CONFIG: docker,
      BERTH_CONFIG: config,
      PATH: `${bin}${delimiter}${process.env['PATH']}`,
    });
  });
  beforeEach(async () => {
    await rm(docker, { recursive: true, force: true });
    await rm(config, { recursive: true, force: true });
  });
  after(() => space.remove());

  const configure = (...parameters: string[]) =>
    programs.credential(['configure-docker', ...parameters]);
  const read = () => readFile(file, 'utf8');

  it('makes the file, for its owner alone, and says what it did; again it changes nothing', async () => {
    const first = await configure(`--registries=${host}, other.example.com:5000`);
    assert.deepEqual(first, {
      code: 0,
      stdout: `${host} now uses docker-credential-berth\nother.example.com:5000 now uses docker-credential-berth\n${file} configured to use this credential helper\n`,
      stderr: '',
    });
    assert.deepEqual(JSON.parse(await read()), {
      credHelpers: { [host]: 'berth', 'other.example.com:5000': 'berth' },
    });
    const { mode, ino } = await stat(file);
    assert.equal(mode & 0o777, 0o600);
    const again = await configure(`--registries=${host}`);
    assert.match(again.stdout, /already uses/);
    assert.equal((await stat(file)).ino, ino);
  });

  it('says when docker will not find it', async () => {
    const { code, stderr } = await programs.credential(
      ['configure-docker', `--registries=${host}`],
      { environment: { PATH: '/nowhere' } },
    );
    assert.equal(code, 0);
    assert.equal(stderr, 'docker-credential-berth is not in PATH, where docker looks for it\n');
  });

  it('keeps the mode of the file, and leaves no draft', async () => {
    await mkdir(docker);
    await writeFile(file, '{}');
    await chmod(file, 0o640);
    assert.equal((await configure(`--registries=${host}`)).code, 0);
    assert.equal((await stat(file)).mode & 0o777, 0o640);
    assert.deepEqual(await readdir(docker), ['config.json']);
  });

  for (const exists of [true, false]) {
    it(`writes to where a link leads${exists ? '' : ', also where nothing is there yet'}`, async () => {
      await mkdir(docker);
      const target = join(space.path, `dotfiles-${exists}.json`);
      if (exists) await writeFile(target, '{"a": 1}');
      await symlink(target, file);
      assert.equal((await configure(`--registries=${host}`)).code, 0);
      assert.ok((await lstat(file)).isSymbolicLink());
      assert.equal(JSON.parse(await readFile(target, 'utf8')).credHelpers[host], 'berth');
    });
  }

  for (const text of ['{', '[]', 'null', '"x"', '{"credHelpers": []}', '{"a": 1} {}', "{'a': 1}"]) {
    it(`leaves alone what is not Docker's: ${text}`, async () => {
      await mkdir(docker);
      await writeFile(file, text);
      const { code, stdout, stderr } = await configure(`--registries=${host}`);
      assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
      assert.match(stderr, /^docker-credential-berth: .*left as it is: repair it.*\n$/);
      assert.equal(await read(), text);
      // Nothing half: no registry may have Google's credentials either.
      assert.match((await programs.credential(['config'])).stdout, /registries: none/);
    });
  }

  it('takes no registry from another helper unless it is told to', async () => {
    await mkdir(docker);
    const text = `{"credHelpers": {"${host}": "gcr"}}`;
    await writeFile(file, text);
    const kept = await configure(`--registries=new.example.com,${host}`);
    assert.equal(kept.code, 5);
    assert.match(kept.stderr, /has the helper gcr in .*--overwrite/);
    assert.equal(await read(), text);
    assert.equal((await configure(`--registries=${host}`, '--overwrite')).code, 0);
    assert.equal(await read(), `{"credHelpers": {"${host}": "berth"}}`);
  });

  it('takes the registries that one is logged in to, when none is named', async () => {
    assert.equal((await configure()).code, 2);
    const login = { ServerURL: host, Username: 'admin', Secret: 'secret' };
    await programs.credential(['store'], { input: JSON.stringify(login) });
    assert.equal((await configure()).code, 0);
    assert.deepEqual(JSON.parse(await read()), { credHelpers: { [host]: 'berth' } });
  });

  for (const wrong of ['a b', 'https://', '../x', 'a,b c']) {
    it(`takes no ${JSON.stringify(wrong)} for registries`, async () => {
      const { code, stdout } = await configure('--registries', wrong);
      assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
      assert.deepEqual(await readdir(docker).catch(() => []), []);
    });
  }
});

describe('docker-credential-berth config', () => {
  let space: Scratch;
  let programs: Programs;
  before(async () => {
    space = await scratch();
    programs = programsIn(space.path);
  });
  after(() => space.remove());

  it('keeps the order of the sources, as docker-credential-gcr does', async () => {
    const said = async () => (await programs.credential(['config'])).stdout;
    assert.match(await said(), /^token sources: store, env\n/);
    const set = await programs.credential(['config', '--token-source=env, gcloud_sdk,env,store']);
    assert.deepEqual(set, { code: 0, stdout: 'Success: Token source(s) set.\n', stderr: '' });
    assert.match(await said(), /^token sources: env, gcloud, store\n/);
    const wrong = await programs.credential(['config', '--token-source=env,keychain']);
    assert.equal(wrong.code, 2);
    assert.match(await said(), /^token sources: env, gcloud, store\n/);
    const unset = await programs.credential(['config', '--unset-all']);
    assert.equal(unset.stdout, 'Success: All values unset.\n');
    assert.match(await said(), /^token sources: store, env\nregistries: none\n/);
  });
});
