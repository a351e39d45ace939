// Pages for a browser: an image's name is its web address.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRobot } from '#shared/auth/robots.ts';
import {
  type Answer,
  type Call,
  type Expectation,
  pushAll,
  pushManifest,
  type Row,
  send,
  sendAll,
  testCalls,
  useRegistry,
} from '#test/support/calls.ts';
import { artifact, descriptorOf, imageIndex, imageManifest } from '#test/support/manifests.ts';
import { hostileTexts, pushHostile } from '#test/support/pages.ts';
import { adminBasic } from '#test/support/registry.ts';

const words = new Map<string, string>();
const image = imageManifest();
const parts = ['amd64', 'arm64'].map(() => imageManifest());
const index = imageIndex(parts, {
  fields: {
    manifests: parts.map((one, at) =>
      descriptorOf(one, { platform: { os: 'linux', architecture: ['amd64', 'arm64'][at] } }),
    ),
  },
});
const chart = artifact('application/vnd.cncf.helm.config.v1+json');

const registry = useRegistry({ anonymousPull: new Set(['open']) }, async ({ url, services }) => {
  await sendAll(url, [
    ...pushAll('open/image', image, 'v1'),
    ...pushAll('open/image', index, 'multi'),
    ...pushAll('open/image', chart, 'chart'),
    ...pushAll('open/image/below', image, 'v1'),
    ...pushAll('open', image, 'bare'),
    ...pushAll('closed/image', image, 'v1'),
    ...pushAll('closed/team/app', image, 'v1'),
    ...pushAll('example.com/p/image', image, 'v1'),
    ...pushAll('v2x/image', image, 'v1'),
  ]);
  for (const [name, more] of [
    ['reader', {}],
    ['team', { prefix: 'closed/team' }],
  ] as const) {
    const robot = await createRobot(services, { project: 'closed', name, role: 'reader', ...more });
    words.set(name, basicOf(robot));
  }
  words.set(
    'other',
    basicOf(await createRobot(services, { project: 'other', name: 'ci', role: 'owner' })),
  );
});

function basicOf({ username, secret }: Awaited<ReturnType<typeof createRobot>>): string {
  return `Basic ${Buffer.from(`${username}:${secret.secret}`).toString('base64')}`;
}

const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

/** What every page is sent with. */
const sealed = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};
const kept = {
  ...sealed,
  'cache-control': 'private, no-cache',
  etag: /^"sha256:[a-f0-9]{64}"$/,
  vary: 'Accept, Authorization',
};

/** A page that is asked for by nobody in particular. */
function look(path: string, expect: Partial<Expectation>, more: Partial<Call> = {}): Call {
  const { status = 200, headers = status === 200 ? kept : sealed } = expect;
  return {
    method: 'GET',
    path,
    authorization: null,
    headers: browser,
    expect: { ...expect, status, headers },
    ...more,
  };
}

const says = (...texts: readonly (string | RegExp)[]) => ({
  also: ({ body }: Answer) => {
    const html = String(body);
    for (const text of texts) {
      if (typeof text === 'string')
        assert.ok(html.includes(text), `it does not say ${text}\n${html}`);
      else assert.match(html, text);
    }
  },
});
const doesNotSay = (...texts: readonly string[]) => ({
  also: ({ body }: Answer) => {
    for (const text of texts) assert.ok(!String(body).includes(text), `it says ${text}`);
  },
});

const pages: readonly Row[] = [
  {
    description: 'the registry itself says how to log in and push',
    ...look('/', says('docker login ', 'docker push ', '<html lang="en">', '<main', '<h1>')),
  },
  {
    description: 'an image shows its tags, with what they point at and how to pull it',
    ...look(
      '/open/image',
      says(
        `<a href="/open/image:v1" rel="noreferrer" class="mono">v1</a>`,
        `>${image.digest}</code>`,
        `/open/image:v1</code>`,
        `/open/image@${image.digest}</code>`,
        'linux/amd64',
        /docker pull 127\.0\.0\.1:\d+\/open\/image:v1</,
        /helm pull oci:\/\/127\.0\.0\.1:\d+\/open\/image --version chart</,
        /oras pull 127\.0\.0\.1:\d+\/open\/image@sha256:/,
        /<th scope="col" role="columnheader"/,
      ),
    ),
  },
  {
    description: 'an index shows the platforms of its images, which have no tags of their own',
    ...look(
      '/open/image',
      says(
        /linux\/amd64<\/bdi><\/li><li><bdi>linux\/arm64</,
        'Without a tag',
        parts[1]?.digest ?? '',
      ),
    ),
  },
  {
    description: 'what is below an image is shown',
    ...look('/open/image', says('href="/open/image/below"')),
  },
  {
    description: 'a project shows its repositories, and the one that is called as it is',
    ...look('/open', says('href="/open/image"', 'href="/open/image/below"', 'href="/open:bare"')),
  },
  {
    description: 'what comes before a repository is a page too',
    ...look('/closed/team', says('href="/closed/team/app"'), { authorization: adminBasic }),
  },
  ...['/example.com:p', '/example.com%3Ap', '/example.com/p', '/example.com:p/'].map((path) => ({
    description: `a project of a domain is found as ${path}`,
    ...look(path, says('href="/example.com/p/image"'), { authorization: adminBasic }),
  })),
  ...[
    '/open/image:v1',
    '/open/image%3Av1',
    `/open/image@${image.digest}`,
    `/open/image%40${image.digest.replace(':', '%3A')}`,
  ].map((path) => ({
    description: `a manifest is found as ${path.slice(0, 30)}`,
    ...look(path, says('Layers', image.digest, image.blobs[1]?.digest ?? '', 'docker pull')),
  })),
  {
    description: 'an index leads to its images',
    ...look(
      '/open/image:multi',
      says(...parts.map(({ digest }) => `href="/open/image@${digest}"`)),
    ),
  },
  {
    description: 'all manifests are listed by digest',
    ...look(
      '/open/image?manifests',
      says(image.digest, parts[0]?.digest ?? '', 'href="/open/image:multi"'),
    ),
  },
  { description: 'a HEAD has no body', ...look('/open/image', {}, { method: 'HEAD' }) },
  {
    description: 'a page that is known is not sent again',
    calls: [
      { ...look('/open/image', {}), keep: { etag: 'ETag' } },
      look(
        '/open/image',
        { status: 304, headers: { etag: '{etag}', 'content-type': undefined } },
        { headers: { ...browser, 'if-none-match': 'W/{etag}' } },
      ),
      look('/open/image', {}, { headers: { ...browser, 'if-none-match': '"sha256:other"' } }),
    ],
  },
  {
    description: 'a name that begins as a path of the registry does has a page',
    ...look('/v2x/image', says('v2x/image'), { authorization: adminBasic }),
  },
  ...[
    '?n=99999999999999999999',
    '?n=x',
    '?page=0',
    '?page=99999999',
    '?page=1e9',
    '?page=-1',
    '?last=%00',
    '?last=%3Cscript%3E',
    '?after=..',
    '?manifests&last=x',
    '?x=%',
  ].map((query) => ({
    description: `a query that means nothing is nothing: ${query}`,
    ...look(`/open/image${query}`, says('v1')),
  })),
  {
    description: 'a page past the last one is empty',
    ...look('/open/image?page=99', says('No more tags')),
  },
];
testCalls('a browser is shown', registry, pages);

const challenge = {
  ...sealed,
  'www-authenticate': /^Basic realm="127\.0\.0\.1:\d+", charset="UTF-8"$/,
  'cache-control': 'no-store',
};
const missing = { ...sealed, 'www-authenticate': undefined, 'cache-control': 'no-store' };

const hidden = [
  '/closed',
  '/closed/image',
  '/closed/image:v1',
  `/closed/image@${image.digest}`,
  '/closed/nothing',
  '/nothing',
  '/nothing/at/all:v1',
];
const forOthers: readonly Row[] = [
  ...hidden.map((path) => ({
    description: `nobody in particular is asked to log in: ${path}`,
    ...look(path, { status: 401, headers: challenge, ...doesNotSay('closed', image.digest) }),
  })),
  ...hidden.map((path) => ({
    description: `somebody of elsewhere is told there is nothing: ${path}`,
    ...look(
      path,
      { status: 404, headers: missing, ...doesNotSay('closed', image.digest) },
      { authorization: '{other}' },
    ),
  })),
  {
    description: 'who may pull sees it',
    ...look('/closed/image', says('href="/closed/image:v1"', 'reader@closed'), {
      authorization: '{reader}',
    }),
  },
  {
    description: 'a project shows each what he may pull',
    ...look(
      '/closed',
      {
        also: (answer) => {
          says('href="/closed/team/app"').also(answer);
          doesNotSay('/closed/image').also(answer);
        },
      },
      { authorization: '{team}' },
    ),
  },
  {
    description: 'who may pull a part sees no other',
    ...look('/closed/image', { status: 404, headers: missing }, { authorization: '{team}' }),
  },
  {
    description: 'a wrong password is asked for again',
    ...look(
      '/closed/image',
      { status: 401, headers: challenge },
      { authorization: `Basic ${Buffer.from('admin:wrong').toString('base64')}` },
    ),
  },
  {
    description: 'a wrong password shows not even what is public',
    ...look(
      '/',
      { status: 401, headers: challenge },
      { authorization: `Basic ${Buffer.from('admin:wrong').toString('base64')}` },
    ),
  },
  {
    description: 'what is public asks for a login where one is wanted',
    ...look('/open/image?login', { status: 401, headers: challenge }),
  },
  {
    description: 'who has logged in is not asked again',
    ...look('/open/image?login', says('Logged in as'), { authorization: '{other}' }),
  },
  ...[
    '/open/nothing',
    '/open/image:v9',
    `/open/image@${image.digest.replace(/.$/, (last) => (last === '0' ? '1' : '0'))}`,
  ].map((path) => ({
    description: `what is not there is not there, to who may pull: ${path.slice(0, 20)}`,
    ...look(path, { status: 404, headers: missing }, { authorization: adminBasic }),
  })),
  ...[
    '/<script>alert(1)</script>',
    '/%3Cscript%3E',
    '/open/%22onload=',
    '/open/image:<b>',
    '/OPEN',
    '/open//image',
    '/open/image@v1',
    '/..%2f..%2fetc',
    `/${'a'.repeat(300)}`,
    '/favicon',
  ].map((path) => ({
    description: `what cannot be a name is nowhere: ${path.slice(0, 30)}`,
    ...look(path, {
      status: path === '/favicon' ? 401 : 404,
      headers: sealed,
      ...doesNotSay('<script', 'onload', '<b>'),
    }),
  })),
];
testCalls('a page shows no more than the API', registry, forOthers, () => words);

const nothing = (method: string, path: string, headers: Record<string, string>): Call => ({
  method,
  path,
  headers,
  authorization: null,
  expect: {
    status: 404,
    code: 'NAME_UNKNOWN',
    headers: { 'content-type': 'application/json', 'www-authenticate': undefined },
    message: /^there is nothing at this path; the registry is at \/v2\/$/,
  },
});
testCalls('a client of the registry is told nothing new', registry, [
  ...['/', '/open', '/open/image', '/open/image:v1', '/closed/image', '/example.com:p'].flatMap(
    (path) =>
      [{}, { accept: '*/*' }, { accept: 'application/vnd.oci.image.manifest.v1+json' }].flatMap(
        (headers) =>
          (['GET', 'POST', 'PUT', 'DELETE'] as const).map((method) => ({
            description: `${method} ${path} with ${JSON.stringify(headers)}`,
            ...nothing(method, path, headers),
          })),
      ),
  ),
  ...[
    '/v2/open',
    '/v2/open/image',
    '/api',
    '/api/v1/x',
    '/.well-known/x',
    '/metrics/x',
    '/healthz/x',
  ].map((path) => ({
    description: `a browser at ${path}`,
    ...nothing('GET', path, browser),
  })),
  {
    description: 'a browser may ask for pages, and no more',
    ...look(
      '/open/image',
      { status: 405, code: 'UNSUPPORTED', headers: { allow: 'GET, HEAD' } },
      { method: 'POST' },
    ),
  },
]);

testCalls('what a page of another site has a browser do', registry, [
  ...['POST', 'DELETE'].map((method) => ({
    description: `${method} is refused, with the password that the browser knows`,
    method,
    path: method === 'POST' ? '/api/v1/projects/closed/robots' : '/v2/closed/image/manifests/v1',
    headers: {
      'content-type': 'text/plain',
      origin: 'https://evil.example',
      'sec-fetch-site': 'cross-site',
    },
    body: method === 'POST' ? '{"name":"evil","role":"owner"}' : '',
    expect: { status: 403, code: 'DENIED' as const },
  })),
  {
    description: 'a frame is not shown',
    ...nothing('GET', '/open/image', {
      ...browser,
      'sec-fetch-dest': 'iframe',
      'sec-fetch-site': 'cross-site',
    }),
  },
  {
    description: 'a link is followed',
    ...look('/open/image', says('v1'), {
      headers: {
        ...browser,
        'sec-fetch-site': 'cross-site',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'document',
      },
    }),
  },
]);

describe('who may see nothing of a project', () => {
  it('has nothing looked up in it: what is there makes no difference to the time either', async () => {
    const { url, services } = registry();
    const { documents } = services;
    const names = documents.names;
    documents.names = async () => assert.fail('names were looked up');
    try {
      for (const path of ['/closed', '/example.com:p', '/nothing']) {
        const headers = challenge;
        await sendAll(url, [look(path, { status: 401, headers })]);
        await sendAll(url, [
          look(
            path,
            { status: 404, headers: missing },
            { authorization: words.get('other') ?? '' },
          ),
        ]);
      }
    } finally {
      documents.names = names;
    }
  });
});

describe('texts that anybody wrote', () => {
  it('are text, wherever they stand', async () => {
    const { url } = registry();
    for (const path of await pushHostile(url, 'open/hostile')) {
      const { status, body } = await send(url, look(path, {}));
      assert.equal(status, 200, path);
      const html = String(body);
      // All elements of the page are ours: none has a script, a handler or an address elsewhere.
      assert.doesNotMatch(html, /<(script|img|iframe|object|embed|form|input|base|meta http)/i);
      assert.doesNotMatch(html, /<[a-z][^>]*\s(on\w+|srcdoc|formaction|target)=/i);
      for (const [, href = ''] of html.matchAll(/<a href="([^"]*)"/g))
        assert.match(href, /^(\/[a-z0-9?]|\/$|#content$)/);
    }
    const { body } = await send(url, look('/open/hostile:texts', {}));
    assert.ok(hostileTexts.length > 10);
    assert.ok(String(body).includes('&lt;script>alert'));
  });

  it('are cut where they are long', async () => {
    const { url } = registry();
    const long = imageManifest({
      fields: {
        annotations: Object.fromEntries(
          Array.from({ length: 300 }, (_, at) => [`k${at}`, 'v'.repeat(1000)]),
        ),
      },
    });
    await sendAll(url, pushAll('open/long', long, 'v1'));
    const { body } = await send(url, look('/open/long:v1', {}));
    assert.match(String(body), /And 200 more\./);
    assert.ok(body.length < 120_000);
  });
});

describe('many', () => {
  it('tags come a hundred a page, the newest first', async () => {
    const { url, clock } = registry();
    await sendAll(url, pushAll('open/many', image, 'build-0'));
    for (let at = 1; at < 120; at += 1) {
      clock.advance(1000);
      await sendAll(url, [pushManifest('open/many', image, `build-${at}`)]);
    }
    const first = tagsIn((await send(url, look('/open/many', {}))).body);
    const second = tagsIn((await send(url, look('/open/many?page=2', {}))).body);
    assert.deepEqual(
      [...first, ...second],
      Array.from({ length: 120 }, (_, at) => `build-${119 - at}`),
    );
    assert.equal(first.length, 100);
  });

  it('tags that are too many to be sorted come by name, and their manifests', async () => {
    const { url } = registry();
    const name = 'open/very-many';
    for (let at = 0; at < 101; at += 1)
      await sendAll(url, pushAll(name, imageManifest(), `image-${at}`));
    const one = imageManifest();
    for (let at = 0; at < 6; at += 1) {
      const tags = Array.from({ length: 100 }, (_, nth) => `tag=t${at}-${nth}`).join('&');
      await sendAll(url, at === 0 ? pushAll(name, one) : []);
      const pushed = pushManifest(name, one);
      await sendAll(url, [{ ...pushed, path: `${pushed.path}?${tags}` }]);
    }
    const asked: string[] = [];
    let path = `/${name}`;
    const seen: string[] = [];
    for (;;) {
      const { body } = await send(url, look(path, {}));
      seen.push(...tagsIn(body));
      asked.push(path);
      const next = /<a href="([^"]+)" rel="next noreferrer"/.exec(String(body))?.[1];
      if (next === undefined) break;
      path = next;
    }
    assert.equal(seen.length, 701);
    assert.ok(isSorted(seen));
    assert.equal(asked.length, 8);
    const digests = new Set<string>();
    for (let at: string | undefined = `/${name}?manifests`; at !== undefined; ) {
      const { body } = await send(url, look(at, {}));
      for (const [, digest = ''] of String(body).matchAll(/>(sha256:[a-f0-9]{64})<\/code>/g))
        digests.add(digest);
      at = /<a href="([^"]+)" rel="next noreferrer"/
        .exec(String(body))?.[1]
        ?.replaceAll('&amp;', '&');
    }
    assert.equal(digests.size, 102);
  });

  it('repositories come a hundred a page', async () => {
    const { url } = registry();
    const blobs = pushAll('crowd/r0', image, 'v1');
    await sendAll(url, blobs);
    for (let at = 1; at < 130; at += 1) await sendAll(url, pushAll(`crowd/r${at}`, image, 'v1'));
    const names: string[] = [];
    for (let at: string | undefined = '/crowd'; at !== undefined; ) {
      const { body } = await send(url, look(at, {}, { authorization: adminBasic }));
      const html = String(body);
      names.push(
        ...[...html.matchAll(/<li><a href="\/(crowd\/[^"]+)"/g)].map(([, name = '']) => name),
      );
      at = /<a href="([^"]+)" rel="next noreferrer"/.exec(html)?.[1];
    }
    assert.equal(names.length, 130);
    assert.ok(isSorted(names));
  });
});

function isSorted(names: readonly string[]): boolean {
  return names.every((name, at) => at === 0 || String(names[at - 1]) < name);
}

function tagsIn(body: Buffer): string[] {
  return [...String(body).matchAll(/class="mono">([^<]+)<\/a>/g)].map(([, tag = '']) => tag);
}
