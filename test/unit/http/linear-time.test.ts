// What reads a client's text takes time that grows as the text does. The texts are so long that anything
// slower would take hours; the deadline is only there so that such a test ends.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runInNewContext } from 'node:vm';
import { routes } from '#functions/routes.ts';
import { readSettings } from '#infra/local/settings.ts';
import { parseBasic } from '#shared/auth/credentials.ts';
import { parseScopes } from '#shared/auth/scope.ts';
import { asksForPage } from '#shared/http/browser.ts';
import { isFresh } from '#shared/http/conditional.ts';
import { parsePage } from '#shared/http/pagination.ts';
import { createRouter } from '#shared/http/router.ts';
import { digestOf, parseDigest } from '#shared/oci/digest.ts';
import { parseManifest } from '#shared/oci/manifest.ts';
import { parseContentType } from '#shared/oci/media-types.ts';
import { parseContentRange, parseRange } from '#shared/oci/range.ts';
import { parseReference, parseRepositoryName, parseTag } from '#shared/oci/reference.ts';
import { parseWebAddress } from '#shared/oci/web-address.ts';

const deadlineMs = 10_000;
const length = 400_000;

/** Runs to the end, whatever comes of it, or is cut off at the deadline. */
function ends(run: () => unknown): void {
  const attempt = () => {
    try {
      run();
    } catch (error) {
      assert.ok(error instanceof Error);
    }
  };
  runInNewContext('attempt()', { attempt }, { timeout: deadlineMs });
}

const repeated = [
  'a',
  '-',
  '_',
  '.',
  '/',
  ':',
  '(',
  ')',
  ' ',
  ',',
  '0',
  '%',
  '=',
  '"',
  '[',
  '{',
  '\\',
];
const hostile = [
  ...repeated.map((unit) => unit.repeat(length)),
  ...['a-', 'a/', '__', 'a.', '/a', '(a', '()', ' ,', 'a ', '0-', '//', '\\"', 'W/'].map((unit) =>
    unit.repeat(length / 2),
  ),
  `a${'-'.repeat(length)}`,
  `a${'-'.repeat(length)}!`,
  `sha256:${'a'.repeat(length)}!`,
  `bytes=${' '.repeat(length)}0-1`,
  `bytes ${'0'.repeat(length)}-`,
  `Basic ${' '.repeat(length)}!`,
  `Basic ${'a'.repeat(length)}!`,
];

const match = createRouter(routes);
const parsers: Record<string, (text: string) => unknown> = {
  parseRepositoryName: (text) => parseRepositoryName(text),
  parseTag,
  parseDigest,
  parseReference,
  parseWebAddress,
  asksForPage: (accept) => asksForPage({ accept }),
  parseRange: (text) => parseRange(text, 1000),
  parseContentRange,
  parseContentType,
  parseBasic,
  parseScopes: (text) => parseScopes([text, `${text}:name:pull`, `repository:${text}:pull`]),
  'parsePage, n': (text) => parsePage(new URLSearchParams({ n: text })),
  'parsePage, last': (text) => parsePage(new URLSearchParams({ last: text })),
  'the router': (text) => {
    for (const path of [`/v2/${text}`, `/v2/${text}/manifests/`, `/v2/a/blobs/uploads/${text}/`]) {
      assert.throws(() => match('GET', path));
    }
  },
  'the router, of pages': (text) => {
    for (const path of [`/${text}`, `/v2x/${text}`]) match('GET', path, { accept: 'text/html' });
  },
  'If-None-Match': (text) => isFresh({ 'if-none-match': text }, digestOf(Buffer.alloc(0))),
  BERTH_ANONYMOUS_PULL: (text) => readSettings({ BERTH_ANONYMOUS_PULL: text }),
  parseManifest: (text) => parseManifest(Buffer.from(text), undefined),
  'parseManifest, a value': (text) =>
    parseManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: text })), undefined),
};

describe('time that grows as the text does, for 400,000 characters of anything, in', () => {
  for (const [name, parse] of Object.entries(parsers)) {
    it(name, () => {
      for (const text of hostile) ends(() => parse(text));
    });
  }

  it('parseRepositoryName, for as many characters as a name may have', () => {
    for (const unit of ['a', 'a-', 'a--', 'a/', 'a_', 'a__', 'a.', '-', 'a/a-']) {
      ends(() => {
        assert.equal(parseRepositoryName(`${unit.repeat(127).slice(0, 254)}!`), undefined);
        assert.equal(parseRepositoryName(`a${'-'.repeat(253)}!`), undefined);
      });
    }
  });
});
