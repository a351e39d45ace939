// What gcr.io tells beside the specification's list of tags: all manifests, and what lies below. Who may see what of it.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { parseDigest } from '#shared/oci/digest.ts';
import { listedEntriesMax } from '#shared/oci/limits.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import { parseRepositoryName, type Tag } from '#shared/oci/reference.ts';
import { repositoryAt, tagKey } from '#shared/registry/layout.ts';
import { write } from '#shared/registry/records.ts';
import { isOnGoogle } from '#test/support/backend.ts';
import {
  type Answer,
  type Call,
  nextPage,
  pushAll,
  pushBlob,
  pushManifest,
  type Row,
  send,
  sendAll,
  testCalls,
  useRegistry,
} from '#test/support/calls.ts';
import {
  artifact,
  type Content,
  contentOf,
  dockerManifest,
  imageIndex,
  imageManifest,
  type Manifest,
  randomBlob,
} from '#test/support/manifests.ts';

const registry = useRegistry({ anonymousPull: new Set(['open']) });

interface Listed {
  readonly child: readonly string[];
  readonly manifest: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly name: string;
  readonly tags: readonly string[];
}

const parsedKeys = ({ body }: Answer) => Object.keys(JSON.parse(String(body)) as object);
const listed = ({ body }: Answer): Listed => JSON.parse(String(body)) as Listed;
const list = (name: string, expect: Call['expect'], query = ''): Call => ({
  method: 'GET',
  path: `/v2/${name}/tags/list${query}`,
  expect,
});
const image = imageManifest();

/** An image whose config says when it was built. */
function builtAt(created: string | undefined): Manifest {
  const serial = randomBytes(8).toString('hex');
  const config = { architecture: 'amd64', os: 'linux', created, author: serial };
  return imageManifest({ config: contentOf(JSON.stringify(config), mediaTypes.ociConfig) });
}

/** Config and layers together, each once. */
const sizeOf = ({ blobs }: Manifest) => {
  const sizes = new Map(blobs.map(({ digest, bytes }) => [digest, bytes.length]));
  return String([...sizes.values()].reduce((sum, size) => sum + size, 0));
};

/** What the list tells of a manifest, but for when it came. */
const told = (manifest: Manifest, tag: readonly string[], created?: string) => ({
  imageSizeBytes: sizeOf(manifest),
  layerId: '',
  mediaType: manifest.mediaType,
  tag,
  ...(created === undefined ? {} : { timeCreatedMs: created }),
});

/** The manifests of a list are just these, and when they came is a number as text. */
function tells(expected: Readonly<Record<string, ReturnType<typeof told>>>) {
  return (answer: Answer) => {
    const { manifest } = listed(answer);
    const shown = Object.entries(manifest).map(([digest, { timeUploadedMs, ...facts }]) => {
      assert.match(String(timeUploadedMs), /^\d{13}$/);
      const { timeCreatedMs, ...others } = facts;
      if (expected[digest]?.timeCreatedMs !== undefined) return [digest, facts];
      assert.equal(timeCreatedMs, timeUploadedMs, 'what tells no time was built when it came');
      return [digest, others];
    });
    assert.deepEqual(Object.fromEntries(shown), expected);
  };
}

const many = {
  old: builtAt('2020-07-28T12:19:37.054Z'),
  jib: builtAt('1970-01-01T00:00:00Z'),
  buildpack: builtAt('1980-01-01T00:00:01Z'),
  zero: builtAt('0001-01-01T00:00:00Z'),
  timeless: builtAt(undefined),
  docker: dockerManifest(),
};
const index = imageIndex([many.old, many.jib]);
const signature = artifact('application/vnd.example.signature', { subject: index });

testCalls('the first page of a list', registry, [
  {
    description: 'has what gcr.io’s has, in its order, each int64 as text',
    calls: [
      ...pushAll('shape/img', many.old, 'latest'),
      pushManifest('shape/img', many.old, 'another'),
      list('shape/img', {
        status: 200,
        headers: { 'Content-Type': 'application/json', Link: undefined },
        also: ({ body }) => {
          const text = String(body);
          const expected = `{"child":[],"manifest":{"${many.old.digest}":{"imageSizeBytes":"${sizeOf(many.old)}","layerId":"","mediaType":"${many.old.mediaType}","tag":["another","latest"],"timeCreatedMs":"1595938777054","timeUploadedMs":"UPLOADED"}},"name":"shape/img","tags":["another","latest"]}`;
          assert.equal(text.replace(/("timeUploadedMs":)"\d+"/, '$1"UPLOADED"'), expected);
        },
      }),
    ],
  },
  {
    description: 'tells of every manifest: tagged or not, children of an index, artifacts',
    calls: [
      ...pushAll('every/img', index, 'multi'),
      ...[many.buildpack, many.zero, many.timeless].flatMap((one) => pushAll('every/img', one)),
      ...pushAll('every/img', many.docker, 'docker'),
      ...pushAll('every/img', signature),
      pushManifest('every/img', many.jib, 'arm'),
      list('every/img', {
        status: 200,
        has: { child: [], name: 'every/img', tags: ['arm', 'docker', 'multi'] },
        also: tells({
          [many.old.digest]: told(many.old, [], '1595938777054'),
          [many.jib.digest]: told(many.jib, ['arm'], '0'),
          [many.buildpack.digest]: told(many.buildpack, [], '315532801000'),
          [many.zero.digest]: told(many.zero, [], '-62135596800000'),
          [many.timeless.digest]: told(many.timeless, []),
          [many.docker.digest]: told(many.docker, ['docker']),
          [index.digest]: told(index, ['multi']),
          [signature.digest]: told(signature, []),
        }),
      }),
    ],
  },
  {
    description: 'changes with each push, each tag that moves and each that goes',
    calls: ((first, second) => [
      ...pushAll('moves/img', first, 'v1'),
      list('moves/img', { status: 200, also: tells({ [first.digest]: told(first, ['v1']) }) }),
      ...pushAll('moves/img', second, 'v1'),
      list('moves/img', {
        status: 200,
        has: { tags: ['v1'] },
        also: tells({ [first.digest]: told(first, []), [second.digest]: told(second, ['v1']) }),
      }),
      pushManifest('moves/img', first, 'v2'),
      remove('moves/img', 'v1'),
      list('moves/img', {
        status: 200,
        has: { tags: ['v2'] },
        also: tells({ [first.digest]: told(first, ['v2']), [second.digest]: told(second, []) }),
      }),
      remove('moves/img', second.digest),
      list('moves/img', { status: 200, also: tells({ [first.digest]: told(first, ['v2']) }) }),
      remove('moves/img', first.digest),
      list('moves/img', { status: 200, json: empty('moves/img') }),
    ])(imageManifest(), imageManifest()),
  },
  {
    description: 'cuts the tags to n, and nothing else; later pages are the specification’s',
    calls: [
      ...pushAll('cut/img', image, 'c'),
      ...['a', 'd', 'b'].map((tag) => pushManifest('cut/img', image, tag)),
      ...pushAll('cut/img/below', image, 'v1'),
      ...['?n=2', '?n=2&last='].map((query) =>
        list(
          'cut/img',
          {
            status: 200,
            headers: { Link: '</v2/cut/img/tags/list?n=2&last=b>; rel="next"' },
            has: { child: ['below'], tags: ['a', 'b'] },
            also: tells({ [image.digest]: told(image, ['a', 'b', 'c', 'd']) }),
          },
          query,
        ),
      ),
      list('cut/img', { status: 200, json: { name: 'cut/img', tags: ['c', 'd'] } }, '?n=2&last=b'),
      list('cut/img', { status: 200, json: { name: 'cut/img', tags: [] } }, '?last=zzz'),
      list(
        'cut/img',
        { status: 200, headers: { Link: undefined }, has: { tags: ['a', 'b', 'c', 'd'] } },
        '?n=1000',
      ),
      list(
        'cut/img',
        { status: 200, headers: { Link: undefined }, has: { child: ['below'], tags: [] } },
        '?n=0',
      ),
    ],
  },
]);

function empty(name: string, child: readonly string[] = []): Listed {
  return { child, manifest: {}, name, tags: [] };
}

function remove(name: string, reference: string): Call {
  return {
    method: 'DELETE',
    path: `/v2/${name}/manifests/${reference}`,
    expect: { status: 202 },
  };
}

testCalls('what lies below', registry, [
  {
    description: 'is told by its first segment, each once and in the order of ASCII',
    calls: [
      ...['b/deep/x', 'b/deep/y', 'b', 'a-b', 'a/x', 'a.b', 'ab', 'a_b/c/d/e'].flatMap((name) =>
        pushAll(`tree/${name}`, image, 'v1'),
      ),
      ...pushAll('tree2/other', image, 'v1'),
      ...pushAll('tree-3', image, 'v1'),
      list('tree', {
        status: 200,
        json: empty('tree', ['a', 'a-b', 'a.b', 'a_b', 'ab', 'b']),
      }),
      list('tree/b', {
        status: 200,
        has: { child: ['deep'], tags: ['v1'] },
        also: tells({ [image.digest]: told(image, ['v1']) }),
      }),
      list('tree/b/deep', { status: 200, json: empty('tree/b/deep', ['x', 'y']) }),
      list('tree/a_b', { status: 200, json: empty('tree/a_b', ['c']) }),
      list('tree/ab', { status: 200, has: { child: [], tags: ['v1'] } }),
      list('tree/b/de', { status: 404, code: 'NAME_UNKNOWN' }),
      list('tre', { status: 404, code: 'NAME_UNKNOWN' }),
    ],
  },
  {
    description: 'is found in a project of a domain, whose own list it is',
    calls: [
      ...pushAll('listed.example/p/team/app', image, 'v1'),
      ...pushAll('listed.example/q/app', image, 'v1'),
      list('listed.example/p', { status: 200, json: empty('listed.example/p', ['team']) }),
      list('listed.example/p/team', { status: 200, has: { child: ['app'] } }),
      list('listed.example/p/team/app', { status: 200, has: { child: [], tags: ['v1'] } }),
      list('listed.example', { status: 200, json: empty('listed.example', ['p', 'q']) }),
    ],
  },
  {
    description: 'goes with its last manifest; what still holds blobs is known',
    calls: [
      ...pushAll('leaves/app', image),
      list('leaves', { status: 200, json: empty('leaves', ['app']) }),
      remove('leaves/app', image.digest),
      list('leaves', { status: 404, code: 'NAME_UNKNOWN' }),
      list('leaves/app', { status: 200, json: empty('leaves/app') }),
      pushBlob('blobs/only', randomBlob()),
      list('blobs/only', { status: 200, json: empty('blobs/only') }),
    ],
  },
  {
    description: 'a name that is none, and a page that is none, are as ever',
    calls: [
      list('Tree', { status: 400, code: 'NAME_INVALID' }),
      list('tree', { status: 400, code: 'UNSUPPORTED' }, '?n=-1'),
      list('tree', { status: 400, code: 'UNSUPPORTED' }, '?last=%00'),
    ],
  },
]);

// (An emulator takes long to be filled.)
const itWhereFilledSoon = isOnGoogle() ? () => undefined : it;
itWhereFilledSoon('many children are read in parts, and each is there once', async () => {
  const names = Array.from({ length: 130 }, (_, at) => `c${String(at).padStart(3, '0')}`);
  const blobs = pushAll('many/c000', image).slice(0, -1);
  const calls = names.flatMap((name) => [
    ...blobs.map((call) => ({ ...call, path: call.path.replace('c000', name) })),
    pushManifest(`many/${name}`, image),
  ]);
  await sendAll(registry().url, calls);
  const deep = Array.from({ length: 30 }, (_, at) => `many/c050/deep/d${at}`);
  await sendAll(
    registry().url,
    deep.flatMap((name) => pushAll(name, image)),
  );
  await sendAll(registry().url, [list('many', { status: 200, json: empty('many', names) })]);
});

describe('who may pull from', () => {
  const project = 'see';
  const below = ['see/app', 'see/public/site', 'see/team/one', 'see/team/two', 'see/team'];
  const basics = new Map<string, string>();

  /** Robots of the project, and one of another. */
  async function prepare(): Promise<void> {
    if (basics.size > 0) return;
    await sendAll(
      registry().url,
      [...below, 'unseen/app', 'open/app', 'open/sub/app'].flatMap((name) =>
        pushAll(name, image, 'v1'),
      ),
    );
    const robots = [
      ['all', project, { role: 'reader' }],
      ['part', project, { role: 'reader', prefix: 'see/team/one' }],
      ['nothing yet', project, { role: 'writer', prefix: 'see/later' }],
      ['stranger', 'unseen', { role: 'owner' }],
    ] as const;
    await sendAll(registry().url, [
      {
        method: 'PUT',
        path: `/api/v1/projects/${project}/policy`,
        headers: { 'If-Match': '*', 'Content-Type': 'application/json' },
        body: JSON.stringify({
          bindings: [{ role: 'reader', members: ['allUsers'], prefix: 'see/public' }],
        }),
        expect: { status: 200 },
      },
    ]);
    for (const [who, home, robot] of robots) {
      const name = who.replaceAll(' ', '-');
      const { body } = await send(registry().url, {
        method: 'POST',
        path: `/api/v1/projects/${home}/robots`,
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ name, ...robot }),
      });
      const { username, secret } = JSON.parse(String(body)) as {
        username: string;
        secret: { secret: string };
      };
      const shown = Buffer.from(`${username}:${secret.secret}`).toString('base64');
      basics.set(who, `Basic ${shown}`);
    }
  }

  /** By the credentials on the request, and by a token that was asked for as gcrane asks. */
  async function asked(who: string | null, name: string): Promise<readonly Answer[]> {
    await prepare();
    const { url } = registry();
    const path = `/v2/${name}/tags/list`;
    const authorization = who === null ? null : (basics.get(who) ?? assert.fail(who));
    const direct = await send(url, { method: 'GET', path, authorization });
    const { body } = await send(url, {
      method: 'GET',
      path: `/v2/token?scope=repository:${name}:pull`,
      authorization,
    });
    const { token } = JSON.parse(String(body)) as { token: string };
    return [direct, await send(url, { method: 'GET', path, authorization: `Bearer ${token}` })];
  }

  const shows = (child: readonly string[], tags: readonly string[] = []) => [200, child, tags];
  const denied = [403, 'DENIED'];
  const unknown = [404, 'NAME_UNKNOWN'];
  const challenged = [401, 'UNAUTHORIZED'];

  /** Who, what, and what a request is answered; by a token where that is another. */
  const rows: readonly (readonly [string | null, string, unknown[], unknown[]?])[] = [
    ['all', 'see', shows(['app', 'public', 'team'])],
    ['all', 'see/team', shows(['one', 'two'], ['v1'])],
    ['part', 'see', shows(['public', 'team'])],
    // It is a repository itself, of which this one sees nothing.
    ['part', 'see/team', shows(['one'])],
    ['part', 'see/team/one', shows([], ['v1'])],
    ['part', 'see/team/two', denied],
    ['part', 'see/app', denied],
    ['part', 'unseen', denied],
    ['nothing yet', 'see', shows(['public'])],
    ['nothing yet', 'see/later', unknown],
    ['nothing yet', 'see/team', denied],
    ['stranger', 'see', shows(['public'])],
    ['stranger', 'see/app', denied],
    ['stranger', 'see/none', denied],
    ['stranger', 'unseen', shows(['app'])],
    ['stranger', 'none-such', denied],
    // Nobody is asked to log in first; and sees what is public by a token for nobody.
    [null, 'see', challenged, shows(['public'])],
    [null, 'see/public', shows(['site'])],
    [null, 'unseen', challenged, denied],
    [null, 'open', shows(['app', 'sub'])],
    [null, 'open/none', unknown],
  ];
  for (const [who, name, expected, byToken = expected] of rows) {
    it(`${name}, as ${who ?? 'nobody'}`, async () => {
      const answers = await asked(who, name);
      const said = answers.map((answer) => {
        if (answer.status !== 200) {
          const { errors } = JSON.parse(String(answer.body)) as { errors: { code: string }[] };
          return [answer.status, errors[0]?.code];
        }
        const { child, tags, manifest } = listed(answer);
        assert.equal(Object.keys(manifest).length > 0, tags.length > 0);
        return [200, child, tags];
      });
      assert.deepEqual(said, [expected, byToken]);
    });
  }
});

describe('where the extension is off', () => {
  const plain = useRegistry({ gcrListing: false });
  const rows: readonly Row[] = [
    {
      description: 'a list is the specification’s, and what is no repository has none',
      calls: [
        ...pushAll('off/app', image, 'v1'),
        list('off/app', { status: 200, json: { name: 'off/app', tags: ['v1'] } }),
        list('off', { status: 404, code: 'NAME_UNKNOWN' }),
      ],
    },
  ];
  testCalls('lists', plain, rows);
});

it('the pages of a list lead to every tag once, whose first tells of all', async () => {
  const tags = Array.from({ length: 25 }, (_, at) => `t${String(at).padStart(2, '0')}`);
  const others: Content[] = tags.map(() => image);
  await sendAll(registry().url, [
    ...pushAll('paged/img', image),
    ...tags.map((tag, at) => pushManifest('paged/img', others[at] ?? image, tag)),
  ]);
  const seen: string[] = [];
  let path: string | undefined = '/v2/paged/img/tags/list?n=10';
  for (let page = 1; path !== undefined; page += 1) {
    const answer: Answer = await send(registry().url, { method: 'GET', path });
    const parsed = listed(answer);
    seen.push(...parsed.tags);
    assert.deepEqual(
      Object.keys(parsed),
      page === 1 ? ['child', 'manifest', 'name', 'tags'] : ['name', 'tags'],
    );
    path = answer.headers['link'] === undefined ? undefined : nextPage(answer);
  }
  assert.deepEqual(seen, tags);
});

it('a list that would be too long is the specification’s, which says so by its pages, and the log does', {
  skip: isOnGoogle() ? 'that many documents take an emulator minutes' : false,
}, async () => {
  const { services, url, logged } = registry();
  const name = parseRepositoryName('long/img') ?? assert.fail('a name');
  await sendAll(url, pushAll(name, image, 'a'));
  const tagsOfAll = Array.from({ length: listedEntriesMax }, (_, at) => `t${at}`);
  const record = { digest: parseDigest(image.digest) ?? assert.fail(), updated: 0, by: 'admin' };
  const fill = (tags: readonly string[]) =>
    services.documents.transact(async (transaction) => {
      for (const tag of tags)
        write(transaction, tagKey(repositoryAt('local', name), tag as Tag), record);
    });
  await fill(tagsOfAll.slice(1));
  const whole = await send(url, { method: 'GET', path: `/v2/${name}/tags/list?n=1` });
  assert.deepEqual(Object.keys(listed(whole).manifest), [image.digest]);
  const before = logged.length;
  await fill(tagsOfAll.slice(0, 1));
  const answer = await send(url, { method: 'GET', path: `/v2/${name}/tags/list?n=2` });
  assert.deepEqual(parsedKeys(answer), ['name', 'tags']);
  assert.equal(nextPage(answer), `/v2/${name}/tags/list?n=2&last=t0`);
  assert.match(logged.slice(before).join('\n'), /^WARNING a list is too long .*"long\/img"/);
});
