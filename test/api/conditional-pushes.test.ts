// PUT of a manifest with If-Match and If-None-Match (RFC 9110 section 13.1): who changes what lies under a tag does so only
// while it is what was read, so of many who do it at once none takes away what another put in.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { mediaTypes } from '#shared/oci/media-types.ts';
import { isOnGoogle } from '#test/support/backend.ts';
import {
  type Call,
  type Expectation,
  missManifest,
  pullManifest,
  pushAll,
  pushManifest,
  pushParts,
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
  descriptorOf,
  imageManifest,
  type Manifest,
} from '#test/support/manifests.ts';

const registry = useRegistry();
const name = 'spec/conditional';

type Condition = Readonly<Record<'If-Match' | 'If-None-Match', string | readonly string[]>>;

/** PUT of a manifest, when a condition holds. */
function put(
  manifest: Content,
  reference: string,
  condition: Partial<Condition>,
  expect: Expectation = done(manifest),
): Call {
  const call = pushManifest(name, manifest, reference);
  return { ...call, headers: { ...call.headers, ...condition }, expect };
}

const done = ({ digest }: Content): Expectation => ({
  status: 201,
  headers: { 'Docker-Content-Digest': digest, ETag: `"${digest}"` },
});
const failed = (header: keyof Condition): Expectation => ({
  status: 412,
  code: 'UNSUPPORTED',
  message: new RegExp(header),
  headers: { Location: undefined },
});
const tag = ({ digest }: Content) => `"${digest}"`;

const [first, second, other] = [imageManifest(), imageManifest(), imageManifest()];
/** Under a tag of its own lies the first; the second could, but for what is asked. */
function rowOf(
  description: string,
  condition: Partial<Condition>,
  expect: 'done' | keyof Condition | 'invalid',
): Row {
  const reference = `t${contentOf(description).digest.slice(7, 27)}`;
  const isDone = expect === 'done';
  return {
    description,
    calls: [
      ...pushAll(name, first, reference),
      ...pushParts(name, second),
      put(
        second,
        reference,
        condition,
        isDone ? done(second) : expect === 'invalid' ? invalid : failed(expect),
      ),
      pullManifest(name, isDone ? second : first, reference),
    ],
  };
}
const invalid: Expectation = { status: 400, code: 'UNSUPPORTED', message: /in quotes/ };

testCalls('PUT under a tag that points at something', registry, [
  rowOf('If-Match with where it points is done', { 'If-Match': tag(first) }, 'done'),
  rowOf('If-Match with another is 412', { 'If-Match': tag(other) }, 'If-Match'),
  rowOf('If-Match with what is sent is 412', { 'If-Match': tag(second) }, 'If-Match'),
  rowOf('If-Match: * is done', { 'If-Match': '*' }, 'done'),
  rowOf(
    'If-Match with a list that has it is done',
    { 'If-Match': `"x", ${tag(other)} ,,\t${tag(first)}` },
    'done',
  ),
  rowOf(
    'If-None-Match in lines, of which the last one has it, is 412',
    { 'If-None-Match': ['"x"', tag(other), tag(first)] },
    'If-None-Match',
  ),
  rowOf(
    'If-Match in lines, of which one has it, is done',
    { 'If-Match': [tag(other), tag(first)] },
    'done',
  ),
  rowOf('If-Match with a list that has not is 412', { 'If-Match': `"x,y", "z"` }, 'If-Match'),
  rowOf(
    'a tag that holds what is asked for inside is another',
    {
      'If-Match': `"x,${first.digest},y"`,
    },
    'If-Match',
  ),
  rowOf('a weak tag matches nothing', { 'If-Match': `W/${tag(first)}` }, 'If-Match'),
  rowOf('If-None-Match: * is 412', { 'If-None-Match': '*' }, 'If-None-Match'),
  rowOf(
    'If-None-Match with where it points is 412',
    { 'If-None-Match': tag(first) },
    'If-None-Match',
  ),
  rowOf('and so it is with a weak tag', { 'If-None-Match': `W/${tag(first)}` }, 'If-None-Match'),
  rowOf('If-None-Match with others is done', { 'If-None-Match': `${tag(other)}, "x"` }, 'done'),
  rowOf('both must hold', { 'If-Match': tag(first), 'If-None-Match': tag(first) }, 'If-None-Match'),
  rowOf('and If-Match counts first', { 'If-Match': tag(other), 'If-None-Match': '*' }, 'If-Match'),
  ...[
    first.digest,
    '',
    ',',
    '*, *',
    '* x',
    '"',
    `"${first.digest}`,
    `${tag(first)} x`,
    `${tag(first)}${tag(other)}`,
    'w/"x"',
    `W/ ${tag(first)}`,
    '"a b"',
  ].map((text) =>
    rowOf(
      `If-Match: ${text.slice(0, 20)} (${text.length}) is no condition, and changes nothing`,
      { 'If-Match': text },
      'invalid',
    ),
  ),
  rowOf('If-None-Match that is none is 400 too', { 'If-None-Match': first.digest }, 'invalid'),
]);

testCalls('PUT under a tag that is not there', registry, [
  {
    description: 'If-Match is 412, whatever it names, and nothing is stored',
    calls: [
      ...pushParts(name, other),
      ...['*', tag(other), '"x"'].map((text) =>
        put(other, 'never', { 'If-Match': text }, failed('If-Match')),
      ),
      missManifest(name, 'never'),
      missManifest(name, other.digest),
    ],
  },
  {
    description: 'If-None-Match: * is done once',
    calls: [
      ...pushParts(name, first),
      ...pushParts(name, second),
      put(first, 'once', { 'If-None-Match': '*' }),
      put(second, 'once', { 'If-None-Match': '*' }, failed('If-None-Match')),
      // Who does not know whether it was done may look: it is there, as it was sent.
      put(first, 'once', { 'If-None-Match': '*' }, failed('If-None-Match')),
      pullManifest(name, first, 'once'),
    ],
  },
  {
    description: 'and again when the tag was deleted',
    calls: [
      ...pushAll(name, first, 'again'),
      { method: 'DELETE', path: `/v2/${name}/manifests/again`, expect: { status: 202 } },
      put(first, 'again', { 'If-Match': tag(first) }, failed('If-Match')),
      put(first, 'again', { 'If-None-Match': '*' }),
    ],
  },
  {
    description: 'what would be refused without a condition is refused for that',
    calls: [
      ...['*', tag(first)].map((text) => ({
        ...put(imageManifest(), 'never', { 'If-Match': text }),
        expect: { status: 404, code: 'MANIFEST_BLOB_UNKNOWN' } as const,
      })),
      put(
        contentOf('{', mediaTypes.ociManifest),
        'never',
        { 'If-Match': '*' },
        {
          status: 400,
          code: 'MANIFEST_INVALID',
        },
      ),
    ],
  },
]);

const [byDigest, large] = [
  imageManifest(),
  imageManifest({ fields: { annotations: { padding: 'x'.repeat(600 * 1024) } } }),
];
testCalls('PUT by digest', registry, [
  ...[byDigest, large].map(
    (manifest): Row => ({
      description: `If-None-Match: * means that it is not there yet, of ${manifest.bytes.length < 9999 ? 'a small' : 'a large'} one`,
      calls: [
        ...pushParts(name, manifest),
        put(manifest, manifest.digest, { 'If-Match': '*' }, failed('If-Match')),
        put(manifest, manifest.digest, { 'If-Match': tag(manifest) }, failed('If-Match')),
        missManifest(name, manifest.digest),
        put(manifest, manifest.digest, { 'If-None-Match': '*' }),
        put(manifest, manifest.digest, { 'If-None-Match': '*' }, failed('If-None-Match')),
        put(manifest, manifest.digest, { 'If-None-Match': tag(manifest) }, failed('If-None-Match')),
        put(manifest, manifest.digest, { 'If-None-Match': tag(first) }),
        put(manifest, manifest.digest, { 'If-Match': '*' }),
        put(manifest, manifest.digest, { 'If-Match': tag(manifest) }),
        put(manifest, manifest.digest, { 'If-Match': tag(first) }, failed('If-Match')),
      ],
    }),
  ),
  {
    description:
      'is about the manifest, and not about tags beside it, which are not moved when it fails',
    calls: [
      ...pushAll(name, first, 'beside'),
      ...pushAll(name, second),
      put(second, `${second.digest}?tag=beside`, { 'If-None-Match': '*' }, failed('If-None-Match')),
      pullManifest(name, first, 'beside'),
      put(second, `${second.digest}?tag=beside`, { 'If-Match': '*' }),
      pullManifest(name, second, 'beside'),
    ],
  },
]);

/** An emulator takes a minute for as many as files and SQLite do in a moment; who is lost is lost among few, too. */
const writers = isOnGoogle() ? 6 : 20;

/** That all of one list are in the other, in any order. */
function assertSame(
  actual: readonly Readonly<Record<string, unknown>>[],
  expected: readonly Content[],
): void {
  assert.equal(actual.length, expected.length);
  assert.deepEqual(
    new Set(actual.map(({ digest }) => digest)),
    new Set(expected.map(({ digest }) => digest)),
  );
}

/** What lies under a tag: the index, and what to show when it is replaced. Nothing, where there is none yet. */
async function readIndex(at: string) {
  const call = { method: 'GET', path: `/v2/${name}/manifests/${at}` };
  const { status, headers, body } = await send(registry().url, call);
  if (status === 404) return { manifests: [], condition: { 'If-None-Match': '*' } };
  assert.equal(status, 200);
  const { manifests } = JSON.parse(String(body)) as { manifests: Record<string, unknown>[] };
  return { manifests, condition: { 'If-Match': String(headers['etag']) } };
}

/** Adds a referrer to the index of the tag schema, as clients do where there is no API, until nobody came between. */
async function addTo(at: string, referrer: Manifest): Promise<number> {
  for (let times = 1; ; times += 1) {
    const { manifests, condition } = await readIndex(at);
    const index = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [...manifests, descriptorOf(referrer)],
    };
    const content = contentOf(JSON.stringify(index), mediaTypes.ociIndex);
    const { status } = await send(registry().url, put(content, at, condition));
    if (status === 201) return times;
    assert.equal(status, 412);
  }
}

it(`of ${writers} who attach something at once by the tag schema, with If-Match, none is lost`, async () => {
  const subject = imageManifest();
  const attached = Array.from({ length: writers }, () =>
    artifact('application/vnd.example.sbom.v1', { subject }),
  );
  await sendAll(registry().url, [
    ...pushAll(name, subject, 'subject'),
    ...attached.flatMap((one) => pushAll(name, one)),
  ]);
  const at = subject.digest.replace(':', '-');
  const times = await Promise.all(attached.map((one) => addTo(at, one)));
  const { manifests } = await readIndex(at);
  assertSame(manifests, attached);
  assert.ok(
    times.some((one) => one > 1),
    'nobody met another',
  );
});

it(`of ${writers} who create a tag at once by If-None-Match: *, one does`, async () => {
  const images = Array.from({ length: writers }, () => imageManifest());
  await sendAll(
    registry().url,
    images.flatMap((image) => pushParts(name, image)),
  );
  const statuses = await Promise.all(
    images.map(async (image) => {
      const call = put(image, 'created', { 'If-None-Match': '*' });
      const { status } = await send(registry().url, call);
      return { status, image };
    }),
  );
  const [winner, ...more] = statuses.filter(({ status }) => status === 201);
  assert.ok(winner !== undefined && more.length === 0);
  assert.equal(statuses.filter(({ status }) => status === 412).length, writers - 1);
  await sendAll(registry().url, [pullManifest(name, winner.image, 'created')]);
});

it(`of ${writers} who attach something at once by the referrers API, none is lost`, async () => {
  const subject = imageManifest();
  const attached = Array.from({ length: writers }, () =>
    artifact('application/vnd.example.signature.v1', { subject }),
  );
  await sendAll(registry().url, pushAll(name, subject, 'subject'));
  await Promise.all(attached.map((one) => sendAll(registry().url, pushAll(name, one))));
  const path = `/v2/${name}/referrers/${subject.digest}`;
  const { body } = await send(registry().url, { method: 'GET', path });
  const { manifests } = JSON.parse(String(body)) as { manifests: { digest: string }[] };
  assertSame(manifests, attached);
});
