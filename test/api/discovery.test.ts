// The specification's chapter "Content Discovery": tags (end-8), referrers (end-12), and Docker's catalog.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mediaTypes } from '#shared/oci/media-types.ts';
import {
  type Answer,
  type Call,
  nextPage,
  pushAll,
  pushBlob,
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
  emptyConfig,
  imageIndex,
  imageManifest,
  type Manifest,
  randomBlob,
} from '#test/support/manifests.ts';

const registry = useRegistry();

/** Follows Links from a path to the end. @returns every page */
async function pages(path: string): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const answer: Answer = await send(registry().url, { method: 'GET', path: next });
    assert.equal(answer.status, 200, next);
    answers.push(answer);
    next = answer.headers['link'] === undefined ? undefined : nextPage(answer);
    assert.ok(answers.length < 100, 'the pages do not end');
  }
  return answers;
}

const parsed = <T>({ body }: Answer): T => JSON.parse(String(body)) as T;

const tagged = 'spec/tags';
/** "In lexical order": that of ASCII. Digits, capitals, the underscore, small letters. */
const sorted = ['1.0', 'V2', 'Z', '__v1__', '_hidden', 'a-b', 'a.b', 'ab', 'latest', 'v10', 'v2'];
const pushed = ['v2', 'v10', '_hidden', 'Z', 'latest', 'a.b', 'a-b', '__v1__', '1.0', 'ab', 'V2'];
const image = imageManifest();

/** Has the tags, and asks for a page of them. */
function tags(query: string, expected: readonly string[], link?: string): Call[] {
  return [
    ...pushParts(tagged, image),
    ...pushed.map((tag) => pushManifest(tagged, image, tag)),
    {
      method: 'GET',
      path: `/v2/${tagged}/tags/list${query}`,
      expect: {
        status: 200,
        headers: {
          'Content-Type': 'application/json',
          Link: link === undefined ? undefined : `<${link}>; rel="next"`,
        },
        has: { name: tagged, tags: expected },
      },
    },
  ];
}

const list = `/v2/${tagged}/tags/list`;
const onlyManifest = 'spec/tagless';
testCalls('end-8, listing tags', registry, [
  {
    description: 'end-8a: 200 with the name and all tags, "in lexical order"',
    calls: tags('', sorted),
  },
  {
    description: 'end-8b: n limits the page, and a Link leads to the next',
    calls: tags('?n=3', ['1.0', 'V2', 'Z'], `${list}?n=3&last=Z`),
  },
  {
    description: 'end-8b: n and last: up to n tags after last, which is not included',
    calls: tags('?n=3&last=Z', ['__v1__', '_hidden', 'a-b'], `${list}?n=3&last=a-b`),
  },
  {
    description: 'end-8b: the last page has no Link, also when it is just full',
    calls: [
      ...tags('?n=3&last=ab', ['latest', 'v10', 'v2']),
      ...tags('?n=3&last=latest', ['v10', 'v2']),
      ...tags(`?n=${sorted.length}`, sorted),
    ],
  },
  {
    description: '"When using the last query parameter, the n parameter is OPTIONAL"',
    calls: tags('?last=a.b', sorted.slice(sorted.indexOf('a.b') + 1)),
  },
  {
    description: 'last need not be a tag that there is',
    calls: [
      ...tags('?last=W', sorted.slice(sorted.indexOf('V2') + 1)),
      ...tags('?last=0', sorted),
      ...tags('?last=zzz', []),
      ...tags('?n=2&last=%7E', []),
    ],
  },
  {
    description:
      '"When n is zero, this endpoint MUST return an empty list, and MUST NOT include a Link"',
    calls: [...tags('?n=0', []), ...tags('?n=0&last=Z', [])],
  },
  {
    description: 'an n larger than there are tags, or than a page may be, is all of them',
    calls: [
      ...tags('?n=12', sorted),
      ...tags('?n=1000000', sorted),
      ...tags('?n=99999999999999999999', sorted),
    ],
  },
  ...['abc', '-1', '1.5', '0x10', '1e3', '%20'].map(
    (n): Row => ({
      description: `n=${n} is 400`,
      calls: [
        ...pushAll(tagged, image, 'latest'),
        { method: 'GET', path: `${list}?n=${n}`, expect: { status: 400, code: 'UNSUPPORTED' } },
      ],
    }),
  ),
  {
    description: '"The list of tags MAY be empty": a repository whose manifests have no tag',
    calls: [
      ...pushAll(onlyManifest, image),
      {
        method: 'GET',
        path: `/v2/${onlyManifest}/tags/list`,
        expect: { status: 200, has: { name: onlyManifest, tags: [] } },
      },
    ],
  },
  {
    description: 'a repository that does not exist is 404 NAME_UNKNOWN',
    method: 'GET',
    path: '/v2/spec/never/tags/list',
    expect: { status: 404, code: 'NAME_UNKNOWN' },
  },
]);

for (const n of [1, 2, 4, 11]) {
  it(`the Links of pages of ${n} lead to every tag exactly once`, async () => {
    await sendAll(registry().url, tags('', sorted));
    const found = await pages(`${list}?n=${n}`);
    assert.equal(found.length, Math.ceil(sorted.length / n));
    assert.deepEqual(
      found.flatMap((answer) => parsed<{ tags: string[] }>(answer).tags),
      sorted,
    );
  });
}

describe('the catalog', () => {
  /** In the order of ASCII, as the specification sorts. */
  const repositories = ['a', 'a-b/c', 'a.b/c', 'a/b', 'a/b/c', 'ab', 'z__z/y'];
  const registryOfItsOwn = useRegistry();
  const catalog = (query: string) =>
    send(registryOfItsOwn().url, { method: 'GET', path: `/v2/_catalog${query}` });
  const fillIt = () =>
    sendAll(
      registryOfItsOwn().url,
      [...repositories].reverse().flatMap((name) => pushAll(name, image, 'latest')),
    );

  it('has every repository with a manifest, in the order of ASCII', async () => {
    await fillIt();
    await sendAll(registryOfItsOwn().url, [pushBlob('only/a-blob', randomBlob())]);
    const answer = await catalog('');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.equal(answer.headers['link'], undefined);
    assert.deepEqual(parsed(answer), { repositories });
  });

  it('is cut by n and last, and its Links lead to every repository exactly once', async () => {
    await fillIt();
    assert.deepEqual(parsed(await catalog('?n=3')), { repositories: repositories.slice(0, 3) });
    assert.deepEqual(parsed(await catalog('?last=a/b')), { repositories: repositories.slice(4) });
    assert.deepEqual(parsed(await catalog('?last=a.a')), { repositories: repositories.slice(2) });
    for (const n of [1, 2, 3, 7]) {
      const seen: string[] = [];
      for (let path: string | undefined = `?n=${n}`; path !== undefined; ) {
        const answer = await catalog(path);
        seen.push(...parsed<{ repositories: string[] }>(answer).repositories);
        assert.ok(seen.length <= repositories.length, 'a repository is there twice');
        const { link } = answer.headers;
        path = link === undefined ? undefined : nextPage(answer).replace('/v2/_catalog', '');
      }
      assert.deepEqual(seen, repositories);
    }
  });

  it('is empty for n=0, without a Link, and 400 for an n that is no number', async () => {
    await fillIt();
    const none = await catalog('?n=0');
    assert.deepEqual(parsed(none), { repositories: [] });
    assert.equal(none.headers['link'], undefined);
    assert.equal((await catalog('?n=abc')).status, 400);
    assert.equal((await catalog('?n=-1')).status, 400);
  });
});

const name = 'spec/referrers';
type Referrer = Record<string, unknown>;

/** What the list must say of a referrer. */
function referrer(manifest: Manifest, artifactType: string | undefined): Referrer {
  const { annotations } = JSON.parse(String(manifest.bytes));
  return {
    ...descriptorOf(manifest),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

/** Asks for referrers, and expects just these, in any order. */
function referrers(subject: Content, expected: readonly Referrer[], artifactType?: string): Call {
  const query =
    artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`;
  return {
    method: 'GET',
    path: `/v2/${name}/referrers/${subject.digest}${query}`,
    expect: {
      status: 200,
      headers: {
        'Content-Type': mediaTypes.ociIndex,
        'OCI-Filters-Applied': artifactType === undefined ? undefined : 'artifactType',
        Link: undefined,
      },
      also: (answer) => {
        const { manifests, ...index } = parsed<{ manifests: Referrer[] }>(answer);
        assert.deepEqual(index, { schemaVersion: 2, mediaType: mediaTypes.ociIndex });
        const byDigest = (one: Referrer, other: Referrer) =>
          String(one['digest']) < String(other['digest']) ? -1 : 1;
        assert.deepEqual(manifests.toSorted(byDigest), expected.toSorted(byDigest));
      },
    },
  };
}

const [sbom, signature] = [
  'application/vnd.example.sbom.v1',
  'application/vnd.example.signature.v1',
];
const subjects = {
  first: imageManifest(),
  sha512: imageManifest({ algorithm: 'sha512' }),
  index: imageIndex([imageManifest()]),
  missing: imageManifest(),
  leaving: imageManifest(),
  listed: imageManifest(),
};
const attach = (subject: Content) => ({
  sbom: artifact(sbom, { subject }),
  signature: artifact(signature, { subject }),
  /** Its type is its config's. */
  typedByConfig: imageManifest({
    config: contentOf('{"by":"config"}', 'application/vnd.example.config'),
    fields: { subject: descriptorOf(subject), annotations: { on: 'an image' } },
  }),
  index: imageIndex([imageManifest()], {
    fields: { artifactType: sbom, subject: descriptorOf(subject), annotations: { on: 'an index' } },
  }),
  untypedIndex: imageIndex([imageManifest()], { fields: { subject: descriptorOf(subject) } }),
});

function referrerRows(which: string, subject: Manifest, subjectIsPushed: boolean): Row[] {
  const attached = attach(subject);
  const all = [
    referrer(attached.sbom, sbom),
    referrer(attached.signature, signature),
    referrer(attached.typedByConfig, 'application/vnd.example.config'),
    referrer(attached.index, sbom),
    referrer(attached.untypedIndex, undefined),
  ];
  const given = [
    ...Object.values(attached).flatMap((manifest) => pushAll(name, manifest)),
    ...(subjectIsPushed ? pushAll(name, subject) : []),
  ];
  return [
    {
      description: `end-12a: all that refer to ${which}, with their types and annotations`,
      calls: [...given, referrers(subject, all)],
    },
    {
      description: `end-12b: of those of ${which}, the ones of a type, and "MUST include OCI-Filters-Applied"`,
      calls: [
        ...given,
        ...[sbom, signature, 'application/vnd.example.config', 'application/x.none'].map((type) =>
          referrers(
            subject,
            all.filter(({ artifactType }) => artifactType === type),
            type,
          ),
        ),
      ],
    },
  ];
}

testCalls('end-12, listing referrers', registry, [
  {
    description: '"MUST NOT return a 404": a subject nobody refers to, or that is not there',
    calls: [
      ...pushAll(name, image),
      referrers(image, []),
      referrers(randomBlob(), []),
      referrers(randomBlob(16, 'sha512'), [], sbom),
    ],
  },
  {
    description: 'a repository that does not exist has no referrers: 200 all the same',
    method: 'GET',
    path: `/v2/spec/never/referrers/${image.digest}`,
    expect: {
      status: 200,
      headers: { 'Content-Type': mediaTypes.ociIndex },
      json: { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] },
    },
  },
  ...['sha256:baddigeststring', 'latest', `md5:${'0'.repeat(32)}`].map(
    (digest): Row => ({
      description: `"such as a <digest> with an invalid syntax, a 400 … MUST be returned": ${digest.slice(0, 24)}`,
      method: 'GET',
      path: `/v2/${name}/referrers/${digest}`,
      expect: { status: 400, code: 'DIGEST_INVALID' },
    }),
  ),
  ...referrerRows('an image', subjects.first, true),
  ...referrerRows('an image with a sha512 digest', subjects.sha512, true),
  ...referrerRows('an index', subjects.index, true),
  ...referrerRows('what is missing', subjects.missing, false),
  ((attached) => ({
    description:
      'a referrer is in the list once, however often it was pushed, and not after it was deleted',
    calls: [
      ...pushAll(name, attached.sbom),
      ...pushAll(name, attached.sbom, 'by-tag'),
      ...pushAll(name, attached.signature),
      referrers(subjects.leaving, [
        referrer(attached.sbom, sbom),
        referrer(attached.signature, signature),
      ]),
      {
        method: 'DELETE',
        path: `/v2/${name}/manifests/${attached.sbom.digest}`,
        expect: { status: 202 },
      },
      referrers(subjects.leaving, [referrer(attached.signature, signature)]),
    ],
  }))(attach(subjects.leaving)),
  {
    description: "referrers of another repository are not this one's",
    calls: [...pushAll('spec/neighbour', artifact(sbom, { subject: image })), referrers(image, [])],
  },
]);

/** "the referrers tag schema": an index that a client keeps under a tag, where a registry has no referrers API. */
const tagOf = ({ digest }: Content) => digest.replace(':', '-').slice(0, 'sha512-'.length + 64);
for (const algorithm of ['sha256', 'sha512'] as const) {
  const subject = imageManifest({ algorithm });
  const { sbom: both, signature: own } = attach(subject);
  // Without a subject of its own: only the client's index tells of it.
  const listed = artifact(signature);
  const index = imageIndex([both, listed], {
    fields: {
      manifests: [
        descriptorOf(both, {
          artifactType: sbom,
          annotations: referrer(both, sbom)['annotations'],
        }),
        descriptorOf(listed, { artifactType: signature, annotations: { from: 'the index' } }),
      ],
    },
  });
  const fromIndex = {
    ...descriptorOf(listed),
    artifactType: signature,
    annotations: { from: 'the index' },
  };
  testCalls(`the referrers tag schema, ${algorithm}`, registry, [
    {
      description:
        '"Registries MUST include … manifests that are listed in an image index" under the tag, each once',
      calls: [
        ...pushAll(name, own),
        ...pushAll(name, index, tagOf(subject)),
        referrers(subject, [referrer(both, sbom), referrer(own, signature), fromIndex]),
        referrers(subject, [referrer(own, signature), fromIndex], signature),
        referrers(subject, [referrer(both, sbom)], sbom),
      ],
    },
    {
      description: 'a tag of that form on what is no index is left alone',
      calls: [
        ...pushAll(name, own),
        ...pushAll(name, both),
        ...pushAll(name, image, tagOf(subject)),
        referrers(subject, [referrer(both, sbom), referrer(own, signature)]),
      ],
    },
  ]);
}

it('"A Link header MUST be included" when there are more referrers than a page holds', async () => {
  const subject = imageManifest();
  const digests = new Set<string>();
  await sendAll(registry().url, [pushBlob(name, emptyConfig)]);
  const attachOne = async (type: string) => {
    const one = artifact(type, { subject });
    digests.add(one.digest);
    await sendAll(registry().url, [pushManifest(name, one)]);
  };
  await Promise.all(
    Array.from({ length: 1005 }, (_, at) => attachOne(at % 100 === 0 ? signature : sbom)),
  );

  const path = `/v2/${name}/referrers/${subject.digest}`;
  const found = await pages(path);
  assert.equal(found.length, 2);
  for (const { headers } of found) assert.equal(headers['content-type'], mediaTypes.ociIndex);
  const listed = found.flatMap(
    (answer) => parsed<{ manifests: { digest: string }[] }>(answer).manifests,
  );
  assert.equal(listed.length, 1005, 'each is on one page only');
  assert.deepEqual(new Set(listed.map(({ digest }) => digest)), digests);

  const filtered = await pages(`${path}?artifactType=${encodeURIComponent(signature)}`);
  for (const { headers } of filtered) assert.equal(headers['oci-filters-applied'], 'artifactType');
  const signatures = filtered.flatMap(
    (answer) => parsed<{ manifests: Referrer[] }>(answer).manifests,
  );
  assert.equal(signatures.length, 11);
  assert.ok(signatures.every(({ artifactType }) => artifactType === signature));
});
