// An image's name as a path, in every way that it may be written.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseWebAddress, pathOfAddress, projectAt } from '#shared/oci/web-address.ts';

const digest = `sha256:${'ab'.repeat(32)}`;

describe('a web address', () => {
  const sound: readonly (readonly [text: string, path: string, project?: string])[] = [
    ['p', '/p', 'p'],
    ['p/', '/p', 'p'],
    ['p/i', '/p/i'],
    ['p/a/b/c', '/p/a/b/c'],
    ['p:v1', '/p:v1'],
    ['p/i:v1', '/p/i:v1'],
    ['p/i:V1.0_x-y', '/p/i:V1.0_x-y'],
    [`p/i@${digest}`, `/p/i@${digest}`],
    [`p/i%40${digest}`, `/p/i@${digest}`],
    [`p/i:v1@${digest}`, `/p/i@${digest}`],
    ['example.com:p', '/example.com/p', 'example.com/p'],
    ['example.com/p', '/example.com/p', 'example.com/p'],
    ['example.com:p/i:v1', '/example.com/p/i:v1'],
    ['example.com/p/i:v1', '/example.com/p/i:v1'],
    [`example.com:p/i@${digest}`, `/example.com/p/i@${digest}`],
    ['example.com', '/example.com', 'example.com'],
  ];
  for (const [text, path, project] of sound) {
    it(`${text} is ${path}`, () => {
      const address = parseWebAddress(text) ?? assert.fail('it is none');
      assert.equal(pathOfAddress(address), path);
      assert.equal(projectAt(address), project);
      assert.deepEqual(parseWebAddress(pathOfAddress(address).slice(1)), address);
    });
  }

  for (const text of [
    ...['', '/', '//', '/p', 'p//i', 'P', 'p/I', 'p i', 'p%20i', 'p%2fi', '..', 'p/..', '.p'],
    ...['p:', 'p:a:b', 'p/i:a/b', ':v1', '@', 'p@', `@${digest}`, `p@${digest}@${digest}`, 'p@v1'],
    ...[`p:${digest}`, `p/i@${digest}x`, `p/i@${digest.toUpperCase()}`, `p:${'t'.repeat(129)}`],
    ...['<script>', 'p/<i>', 'p:<b>', 'p"', 'p\0', 'ｐ', `${'p'.repeat(256)}`, 'a.b:c:d:e'],
  ]) {
    it(`${JSON.stringify(text.slice(0, 40))} is none`, () => {
      assert.equal(parseWebAddress(text), undefined);
    });
  }
});
