// The package as `npm pack` makes it and `npm i -g` installs it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { run, type Scratch, scratch } from '#test/clients/client.ts';
import { oldestNode } from './programs.ts';

const root = join(import.meta.dirname, '../..');
const names = ['berth', 'docker-credential-berth'];
const version: string = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;

describe('the package of the commands', () => {
  let space: Scratch;
  let installed: string;

  before(async () => {
    space = await scratch();
    const prefix = join(space.path, 'prefix');
    const packed = join(space.path, 'packed');
    await mkdir(packed);
    await run('npm', ['pack', join(root, 'infra/client'), '--pack-destination', packed]);
    const tarball = join(packed, `berth-${version}.tgz`);
    const home = { HOME: space.path, npm_config_cache: join(space.path, 'cache') };
    await run('npm', ['install', '-g', '--offline', '--prefix', prefix, tarball], {
      environment: home,
    });
    installed = join(prefix, 'bin');
  });
  after(() => space.remove());

  for (const name of names) {
    it(`installs ${name}, which the oldest Node there is runs by its first line`, () => {
      const said = execFileSync(join(installed, name), ['--version'], {
        env: { PATH: `${dirname(oldestNode())}:/usr/bin:/bin` },
      });
      assert.equal(said.toString(), `${version}\n`);
    });
  }

  it('has the registry’s version, and needs nothing but Node', () => {
    const directory = join(installed, '../lib/node_modules/berth');
    const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    assert.equal(manifest.version, version);
    assert.equal(manifest.engines.node, '>=20');
    for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies']) {
      assert.equal(manifest[kind], undefined);
    }
    assert.match(readFileSync(join(directory, 'dist/LICENSES'), 'utf8'), /commander[\s\S]*MIT/);
  });

  for (const name of names) {
    it(`has nothing of the registry, of Google’s SDKs or of SQLite in ${name}`, () => {
      const text = readFileSync(join(installed, name), 'utf8');
      const files = [
        ...text.matchAll(
          /^(?:\/\/ |var require_\w+ = __commonJS\(\{\n {2}")([\w./@-]+\.(?:ts|m?js|json))\b/gm,
        ),
      ];
      const others = files
        .map(([, file = '']) => file)
        .filter((file) => !/^(?:infra\/client|(?:.*\/)?node_modules\/commander)\//.test(file));
      assert.ok(files.length > 20);
      assert.deepEqual(others, []);
      assert.doesNotMatch(text, /node:sqlite|google-auth-library|@google-cloud/);
      assert.ok(text.length < 256 * 1024);
    });
  }
});
