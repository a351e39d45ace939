// Pages in a real browser: what anybody wrote runs nothing, and all of it can be read, on a phone and with no script.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { pushAll, sendAll, useRegistry } from '#test/support/calls.ts';
import { imageIndex, imageManifest } from '#test/support/manifests.ts';
import { hostileTexts, pushHostile } from '#test/support/pages.ts';
import { adminPassword } from '#test/support/registry.ts';
import { type Browser, type Look, startBrowser } from './chromium.ts';
import { unlessInstalled } from './client.ts';

const skip = unlessInstalled('chromium');

describe('a browser', { skip }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  // Before the registry is, which waits for connections that are open.
  after(() => browser.close());
  let hostile: readonly string[] = [];
  const image = imageManifest();
  const registry = useRegistry({ anonymousPull: new Set(['open']) }, async ({ url }) => {
    hostile = await pushHostile(url, 'open/hostile');
    await sendAll(url, [
      ...pushAll('open/image', image, 'v1'),
      ...pushAll('open/image', imageIndex([imageManifest(), imageManifest()]), 'multi'),
      ...pushAll('open/image/below', image, 'v1'),
      ...pushAll('closed/image', image, 'v1'),
    ]);
  });
  const open = (path: string, look?: Look) => browser.open(`${registry().url}${path}`, look);
  const evaluate = <T>(expression: string) => browser.evaluate<T>(expression);

  it('runs nothing of what anybody wrote, and shows it', async () => {
    for (const path of hostile) {
      const { status, complaints } = await open(path);
      assert.equal(status, 200, path);
      // An alert, an exception, a line in the console, or anything that the page's policy had to refuse.
      assert.deepEqual(complaints, [], path);
      assert.equal(await evaluate('document.scripts.length + document.images.length'), 0, path);
      assert.equal(await evaluate('location.href'), `${registry().url}${path}`);
      const loaded = await evaluate<string[]>(
        'performance.getEntriesByType("resource").map((one) => one.name).filter((name) => !name.startsWith("data:"))',
      );
      assert.deepEqual(loaded, [], path);
    }
    await open('/open/hostile:texts');
    const shown = await evaluate<string>('document.querySelector("main").textContent');
    const readable = hostileTexts.filter((text) => /^[\x20-\x7e]+$/.test(text));
    for (const text of readable) assert.ok(shown.includes(text), text);
  });

  it('would run nothing even of what was in the page as it stands', async () => {
    await open('/open/image');
    const ran = await evaluate<boolean>(`new Promise((done) => {
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.body.append(script);
      setTimeout(() => done(window.ran === true));
    })`);
    assert.equal(ran, false);
  });

  const all = [
    '/',
    '/open',
    '/open/image',
    '/open/image:v1',
    '/open/image:multi',
    '/open/image?manifests',
    '/open/image?page=9',
  ];
  const looks: Readonly<Record<string, Look>> = {
    'a desk': {},
    'a phone': { width: 360, height: 640 },
    'a phone in the dark': { width: 360, height: 640, dark: true },
    'the dark': { dark: true },
    paper: { print: true, width: 700 },
  };
  for (const [where, look] of Object.entries(looks)) {
    it(`shows every page on ${where}: nothing is cut off, and all text stands out`, async () => {
      for (const path of [...all, '/open/hostile', '/open/hostile:index']) {
        assert.deepEqual(await open(path, look), { status: 200, complaints: [] }, path);
        const [width, room] = await evaluate<[number, number]>(
          '[document.documentElement.scrollWidth, innerWidth]',
        );
        if (look.print !== true) assert.ok(width <= room, `${path} is ${width} wide of ${room}`);
        assert.deepEqual(await evaluate(faintTexts), [], path);
      }
    });
  }

  it('tells who listens what is where, and takes the keyboard everywhere', async () => {
    for (const path of all) {
      await open(path);
      assert.deepEqual(
        await evaluate(`({
          language: document.documentElement.lang,
          title: document.title !== '',
          headings: document.querySelectorAll('h1').length,
          skipped: [...document.querySelectorAll('h1,h2,h3')].some((one, at, all) => one.tagName > 'H' + (Number(all[at - 1]?.tagName[1] ?? 0) + 1)),
          landmarks: ['header', 'nav[aria-label]', 'main', 'footer'].filter((one) => document.querySelector(one) === null),
          skip: document.querySelector('a[href="#content"]') === document.querySelector('a'),
          unnamed: [...document.querySelectorAll('a,summary')].filter((one) => (one.ariaLabel ?? one.textContent).trim() === '').length,
          headless: [...document.querySelectorAll('table')].filter((one) => one.caption === null || one.querySelector('th[scope=col]') === null || one.querySelectorAll('tbody tr:not(:has(th[scope=row]))').length > 0).length,
          doubled: [...document.querySelectorAll('[id]')].filter((one) => document.querySelectorAll('#' + one.id).length > 1).length,
          leaking: [...document.querySelectorAll('a[href^="/"]')].filter((one) => !one.relList.contains('noreferrer')).length,
          unreachable: [...document.querySelectorAll('a,summary,.digest')].filter((one) => one.tabIndex < 0).length,
        })`),
        {
          ...{
            language: 'en',
            title: true,
            headings: 1,
            skipped: false,
            landmarks: [],
            skip: true,
          },
          ...{ unnamed: 0, headless: 0, doubled: 0, leaking: 0, unreachable: 0 },
        },
        path,
      );
    }
  });

  it('copies a digest whole, though it is shown short', async () => {
    await open('/open/image');
    const isCut =
      'document.querySelector("td .digest").scrollWidth > document.querySelector("td .digest").clientWidth';
    assert.equal(await evaluate(isCut), true);
    await browser.click('td .digest');
    assert.match(await evaluate('getSelection().toString()'), /^sha256:[a-f0-9]{64}$/);
    assert.equal(await evaluate(isCut), false, 'it is not shown whole where it is looked at');
  });

  it('asks for a password where it needs one, and says what it is without', async () => {
    const { status } = await open('/closed/image', { login: null });
    assert.equal(status, 401);
    assert.equal(await evaluate('document.querySelector("h1").textContent'), 'Log in to see this');
    const login = { username: 'admin', password: adminPassword };
    assert.deepEqual((await open('/closed/image', { login })).status, 200);
    assert.match(
      await evaluate('document.querySelector("footer").textContent'),
      /Logged in as user:admin/,
    );
  });

  it('that knows the password does nothing with it for another site', async () => {
    const { url } = registry();
    const login = { username: 'admin', password: adminPassword };
    await open('/?login', { login });
    const other = createServer((_, response) => {
      response.setHeader('Content-Type', 'text/html');
      response.end('<!doctype html><title>elsewhere</title>');
    });
    await once(other.listen(0, '127.0.0.1'), 'listening');
    const before = registry().audits.length;
    try {
      await browser.open(`http://localhost:${(other.address() as AddressInfo).port}/`);
      const asked = await evaluate<string[]>(`Promise.all([
        ['POST', '/api/v1/projects/closed/robots', JSON.stringify({ name: 'evil', role: 'owner' })],
        ['POST', '/v2/closed/image/blobs/uploads/', ''],
        ['GET', '/v2/closed/image/tags/list', undefined],
      ].map(([method, path, body]) => fetch('${url}' + path, { method, body, mode: 'no-cors', credentials: 'include' })
        .then((reply) => reply.type, String)))`);
      assert.deepEqual(asked, ['opaque', 'opaque', 'opaque']);
    } finally {
      other.closeAllConnections();
      other.close();
    }
    const refused = registry().audits.slice(before);
    assert.deepEqual(
      refused.map(({ audit }) => audit.outcome),
      ['denied', 'denied', 'denied'],
    );
    const { status } = await open('/api/v1/projects/closed/robots');
    assert.equal(status, 200);
    assert.equal(await evaluate('document.body.textContent'), '{"robots":[]}');
  });
});

/**
 * Texts whose contrast is less than 4.5 (WCAG 2.2, 1.4.3): all that is not hidden, against the nearest background that is
 * painted. Ours have none that shines through.
 */
const faintTexts = `(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((one) => (one /= 255) <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.data.trim() === '' || element.tagName === 'STYLE') continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(node.data.slice(0, 40) + ' ' + contrast.toFixed(2));
  }
  return [...new Set(faint)];
})()`;
