// The source of the functions, as it is uploaded.

import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { unzipSync } from 'fflate';
import { zipDirectory } from '#infra/bundle/zip.ts';

describe('the zip of a directory', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-zip-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  const files = { 'index.cjs': 'first', 'below/more/data.bin': 'second', 'a.json': '{}' };
  const write = async (name: string, order: readonly string[], when: Date) => {
    for (const path of order) {
      const file = join(directory, name, path);
      await mkdir(join(file, '..'), { recursive: true });
      await writeFile(file, files[path as keyof typeof files]);
      await chmod(file, 0o600);
      await utimes(file, when, when);
    }
    return zipDirectory(join(directory, name));
  };

  it('is the same bytes whenever, wherever and in whatever order files were written', async () => {
    const paths = Object.keys(files);
    const one = await write('one', paths, new Date('2020-02-03T04:05:06Z'));
    const zone = process.env['TZ'];
    process.env['TZ'] = 'Pacific/Auckland';
    try {
      const other = await write('other', paths.toReversed(), new Date('2026-01-01T00:00:00Z'));
      assert.ok(Buffer.from(one).equals(other));
    } finally {
      if (zone === undefined) delete process.env['TZ'];
      else process.env['TZ'] = zone;
    }
  });

  it('holds what the directory holds', async () => {
    const zip = unzipSync(await write('whole', Object.keys(files), new Date()));
    const held = Object.entries(zip).map(([path, bytes]) => [path, Buffer.from(bytes).toString()]);
    assert.deepEqual(Object.fromEntries(held), files);
  });
});
