// What Firestore is told of the documents is what the rules write.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { documentKinds, expiringKinds } from '#shared/google/firestore-fields.ts';

const shared = join(import.meta.dirname, '../../../shared');
const sourceFiles = (folder: string): string[] =>
  readdirSync(join(shared, folder), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
/** The files that make keys and write documents. */
const rules = ['audit', 'auth', 'registry', 'mirror'].flatMap((folder) =>
  sourceFiles(folder).map((file) => ({
    file: `${folder}/${file}`,
    text: readFileSync(join(shared, folder, file), 'utf8'),
  })),
);
const layout = rules.find(({ file }) => file === 'registry/layout.ts')?.text ?? '';

describe('the kinds of documents that Firestore knows', () => {
  it('are those that are drawn', () => {
    const [drawing = ''] = layout.split('//   objects, in the blob store:');
    const drawn = [...drawing.matchAll(/^\/\/ {5}(\w+) +\/ /gm)].map(([, kind]) => kind);
    assert.deepEqual(new Set(drawn), new Set(documentKinds));
  });

  it('are those that keys are made of', () => {
    // A location and a project, or what stands for all of them, and then the kind.
    const keys =
      /(?:inProject\(\w+|\[\s*(?:location|'-'),\s*(?:every|project|upstream|'-')),\s*'(\w+)'/g;
    const objects = new Set(['parts']);
    const made = rules.flatMap(({ text }) => [...text.matchAll(keys)].map(([, kind = '']) => kind));
    const kinds = made.filter((kind) => !objects.has(kind));
    assert.deepEqual(new Set(kinds), new Set(documentKinds));
  });

  it('have a time to live where a document is written with one', () => {
    const written =
      /(?:\bwrite|\.set|\.create)\(\s*(?:transaction,\s*)?(\w+)Key\([^;]*\bexpiresAt\b/g;
    const kinds = rules.flatMap(({ text }) =>
      [...text.matchAll(written)].map(([, of = '']) => (of.endsWith('s') ? of : `${of}s`)),
    );
    assert.deepEqual(new Set(kinds), new Set(expiringKinds));
  });
});
