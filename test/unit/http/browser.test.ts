// What a browser says of a request, and what is made of it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asksForPage, refuseFromElsewhere } from '#shared/http/browser.ts';
import type { HttpRequest } from '#shared/http/request.ts';

describe('a page is asked for', () => {
  for (const [accept, is] of [
    ['text/html', true],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true],
    ['application/json , TEXT/HTML ; q=0.5', true],
    ['text/html;q=0.0', false],
    ['text/html;q=0', false],
    ['text/html;q=0.01', true],
    ['text/htmlx', false],
    ['*/*', false],
    ['application/vnd.oci.image.manifest.v1+json, */*', false],
  ] as const) {
    it(`${is ? 'by' : 'not by'} ${accept}`, () => assert.equal(asksForPage({ accept }), is));
  }

  it('to be looked at, and not to be put into another', () => {
    const accept = 'text/html';
    assert.equal(asksForPage({ accept, 'sec-fetch-dest': 'document' }), true);
    for (const destination of ['iframe', 'object', 'embed', 'empty', 'script', 'image', '']) {
      assert.equal(asksForPage({ accept, 'sec-fetch-dest': destination }), false, destination);
    }
  });
});

describe('what a page of another site has a browser send', () => {
  const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
  const rows: readonly (readonly [string, string, Record<string, string>, boolean])[] = [
    ['a client’s read', 'GET', {}, true],
    ['a client’s push', 'PUT', {}, true],
    ['an address that was typed', 'GET', { 'sec-fetch-site': 'none', ...navigation }, true],
    ['a link of ours', 'GET', { 'sec-fetch-site': 'same-origin', ...navigation }, true],
    ['a link elsewhere', 'GET', { 'sec-fetch-site': 'cross-site', ...navigation }, true],
    ['a link of a neighbour', 'GET', { 'sec-fetch-site': 'same-site', ...navigation }, true],
    [
      'a form of ours',
      'POST',
      { 'sec-fetch-site': 'same-origin', origin: 'https://r.example', ...navigation },
      true,
    ],
    ['a form elsewhere', 'POST', { 'sec-fetch-site': 'cross-site', ...navigation }, false],
    ['a form of a neighbour', 'POST', { 'sec-fetch-site': 'same-site', ...navigation }, false],
    ['a form elsewhere, over HTTP', 'POST', { origin: 'http://evil.example' }, false],
    ['a form of nobody in particular', 'POST', { origin: 'null' }, false],
    ['a form on another port', 'POST', { origin: 'https://r.example:81' }, false],
    ['a script’s DELETE', 'DELETE', { origin: 'https://evil.example' }, false],
    [
      'a picture',
      'GET',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
      false,
    ],
    [
      'a frame',
      'GET',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
      false,
    ],
    [
      'a script’s read',
      'HEAD',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
      false,
    ],
  ];
  for (const [what, method, headers, passes] of rows) {
    it(`${what} ${passes ? 'passes' : 'is refused'}`, () => {
      const request = { method, headers, host: 'r.example' } as unknown as HttpRequest;
      if (passes) refuseFromElsewhere(request);
      else assert.throws(() => refuseFromElsewhere(request), { code: 'DENIED', status: 403 });
    });
  }
});
