// Deleting by gcr.io's rules, which a project can choose: what is tagged, or named by another manifest, stays.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  type Answer,
  answered,
  type Call,
  errorsOf,
  missManifest,
  pullManifest,
  pushAll,
  pushManifest,
  type Row,
  send,
  sendAll,
  testCalls,
  useRegistry,
} from '#test/support/calls.ts';
import { artifact, descriptorOf, imageIndex, imageManifest } from '#test/support/manifests.ts';

const registry = useRegistry();

/** Puts a policy in the place of any. */
function setPolicy(project: string, policy: Readonly<Record<string, unknown>>): Call {
  return {
    method: 'PUT',
    path: `/api/v1/projects/${project}/policy`,
    headers: { 'If-Match': '*', 'Content-Type': 'application/json' },
    body: JSON.stringify({ bindings: [], ...policy }),
    expect: { status: 200 },
  };
}

const getPolicy = (project: string, has: Readonly<Record<string, unknown>>): Call => ({
  method: 'GET',
  path: `/api/v1/projects/${project}/policy`,
  expect: { status: 200, has },
});

function remove(name: string, reference: string): Call {
  return {
    method: 'DELETE',
    path: `/v2/${name}/manifests/${reference}`,
    expect: { status: 202, body: '' },
  };
}

/** Refused, with these messages. */
function refuse(
  name: string,
  digest: string,
  code: NonNullable<Call['expect']['code']>,
  messages: readonly string[],
): Call {
  const also = (answer: Answer) =>
    assert.deepEqual(
      errorsOf(answer).map(({ message }) => message),
      messages,
    );
  return answered(remove(name, digest), { status: 400, code, also });
}

/** A row in a project of its own: an instance may go by a policy as it was ten seconds ago. */
let projects = 0;
function row(description: string, callsIn: (name: string) => Call[], gcrDeletes = true): Row {
  projects += 1;
  const project = `rules-${projects}`;
  return {
    description,
    calls: [setPolicy(project, { gcrDeletes }), ...callsIn(`${project}/app`)],
  };
}

const inOrder = (one: string, other: string) => (one < other ? -1 : 1);
const tagged = (tag: string) => `Manifest is still referenced by tag: ${tag}`;

testCalls('deleting by gcr.io’s rules', registry, [
  row('a tag goes alone, also the last one; then its manifest can go', (name) => {
    const image = imageManifest();
    return [
      ...pushAll(name, image, 'v1'),
      pushManifest(name, image, 'v2'),
      remove(name, 'v1'),
      missManifest(name, 'v1'),
      pullManifest(name, image, 'v2'),
      remove(name, 'v2'),
      pullManifest(name, image),
      remove(name, image.digest),
      missManifest(name, image.digest),
    ];
  }),
  row('what is tagged stays: 400 GOOGLE_MANIFEST_DANGLING_TAG, an error each', (name) => {
    const image = imageManifest();
    return [
      ...pushAll(name, image, 'cdd65fd'),
      refuse(name, image.digest, 'GOOGLE_MANIFEST_DANGLING_TAG', [tagged('cdd65fd')]),
      pushManifest(name, image, 'b'),
      refuse(name, image.digest, 'GOOGLE_MANIFEST_DANGLING_TAG', [tagged('b'), tagged('cdd65fd')]),
      pullManifest(name, image, 'cdd65fd'),
    ];
  }),
  row('a child of an index stays: the index’s digest is the last word', (name) => {
    const children = [imageManifest(), imageManifest()] as const;
    const [one, other] = [imageIndex(children), imageIndex([children[0]])];
    const [child] = children;
    const named = (digest: string) => `Manifest ${child.digest} is referenced by image ${digest}`;
    const code = 'GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE';
    return [
      ...pushAll(name, one, 'multi'),
      refuse(name, child.digest, code, [named(one.digest)]),
      ...pushAll(name, other),
      refuse(
        name,
        child.digest,
        code,
        [one, other]
          .map(({ digest }) => digest)
          .toSorted(inOrder)
          .map(named),
      ),
      remove(name, 'multi'),
      remove(name, one.digest),
      remove(name, children[1].digest),
      refuse(name, child.digest, code, [named(other.digest)]),
      remove(name, other.digest),
      remove(name, child.digest),
      missManifest(name, child.digest),
    ];
  }),
  row('what others refer to stays: 400 GOOGLE_MANIFEST_REFERRING_MANIFEST', (name) => {
    const image = imageManifest();
    const signature = artifact('application/vnd.example.signature', { subject: image });
    return [
      ...pushAll(name, image),
      ...pushAll(name, signature),
      refuse(name, image.digest, 'GOOGLE_MANIFEST_REFERRING_MANIFEST', [
        `Manifest ${image.digest} is referred to by manifest ${signature.digest}`,
      ]),
      remove(name, signature.digest),
      remove(name, image.digest),
    ];
  }),
  row('tags are told first, then indexes, then referrers', (name) => {
    const image = imageManifest();
    const index = imageIndex([image]);
    const signature = artifact('application/vnd.example.signature', { subject: image });
    return [
      ...pushAll(name, index),
      ...pushAll(name, signature),
      pushManifest(name, image, 'v1'),
      refuse(name, image.digest, 'GOOGLE_MANIFEST_DANGLING_TAG', [tagged('v1')]),
      remove(name, 'v1'),
      refuse(name, image.digest, 'GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE', [
        `Manifest ${image.digest} is referenced by image ${index.digest}`,
      ]),
      remove(name, index.digest),
      refuse(name, image.digest, 'GOOGLE_MANIFEST_REFERRING_MANIFEST', [
        `Manifest ${image.digest} is referred to by manifest ${signature.digest}`,
      ]),
    ];
  }),
  row('a manifest that is a blob of its repository, which it names itself, can go', (name) => {
    const image = imageManifest({ fields: { annotations: { filler: 'x'.repeat(600_000) } } });
    return [...pushAll(name, image), remove(name, image.digest), missManifest(name, image.digest)];
  }),
  row('what is not there is 404 by these rules too', (name) => {
    const image = imageManifest();
    const unknown = { status: 404, code: 'MANIFEST_UNKNOWN' } as const;
    return [
      ...pushAll(name, image),
      answered(remove(name, imageManifest().digest), unknown),
      answered(remove(name, 'never'), unknown),
      remove(name, image.digest),
      answered(remove(name, image.digest), unknown),
    ];
  }),
  row(
    'else all of this is deleted, as the specification has it',
    (name) => {
      const image = imageManifest();
      const signature = artifact('application/vnd.example.signature', { subject: image });
      const index = imageIndex([image], { fields: { subject: descriptorOf(signature) } });
      return [
        ...pushAll(name, signature),
        ...pushAll(name, index, 'multi'),
        pushManifest(name, image, 'v1'),
        remove(name, image.digest),
        missManifest(name, 'v1'),
        remove(name, index.digest),
        missManifest(name, 'multi'),
      ];
    },
    false,
  ),
]);

testCalls('the setting', registry, [
  {
    description: 'is off where nothing was decided, and stays as it is where it is left out',
    calls: [
      getPolicy('set-1', { gcrDeletes: false }),
      setPolicy('set-1', { gcrDeletes: true }),
      getPolicy('set-1', { gcrDeletes: true, writersDelete: false }),
      setPolicy('set-1', { writersDelete: true }),
      getPolicy('set-1', { gcrDeletes: true, writersDelete: true }),
      setPolicy('set-1', { gcrDeletes: false, writersDelete: true }),
      getPolicy('set-1', { gcrDeletes: false, writersDelete: true }),
    ],
  },
  {
    description: 'stays when a federation rule comes, and is in the audit',
    calls: [
      setPolicy('set-2', { gcrDeletes: true }),
      {
        method: 'POST',
        path: '/api/v1/projects/set-2/federation',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({
          id: 'ci',
          issuer: 'https://issuer.example',
          claims: { sub: 'repo:org/app:ref' },
        }),
        expect: { status: 201 },
      },
      getPolicy('set-2', { gcrDeletes: true }),
      {
        method: 'GET',
        path: '/api/v1/projects/set-2/audit?action=policy.change',
        expect: {
          status: 200,
          also: ({ body }) => {
            const { entries } = JSON.parse(String(body)) as { entries: { detail: string }[] };
            assert.deepEqual(
              entries.map(({ detail }) => detail),
              ['+ gcr.io’s rules of deleting'],
            );
          },
        },
      },
    ],
  },
  {
    description: 'is yes or no',
    calls: ['yes', 1, null].map((gcrDeletes) =>
      answered(setPolicy('set-3', { gcrDeletes }), {
        status: 400,
        code: 'UNSUPPORTED',
        message: /^gcrDeletes must be boolean/,
      }),
    ),
  },
]);

it('a tag that comes while its manifest is deleted keeps it, or finds it gone', async () => {
  const image = imageManifest();
  const name = 'racing/app';
  const { url } = registry();
  await sendAll(url, [setPolicy('racing', { gcrDeletes: true }), ...pushAll(name, image)]);
  const outcome = async (call: Call): Promise<number> => {
    return (await send(url, call)).status;
  };
  for (let round = 0; round < 10; round += 1) {
    const [deleted, pushed] = await Promise.all([
      outcome(remove(name, image.digest)),
      outcome(pushManifest(name, image, `v${round}`)),
    ]);
    assert.equal(pushed, 201);
    assert.ok([202, 400].includes(deleted), String(deleted));
    // Either way the tag points at what is there.
    await sendAll(url, [pullManifest(name, image, `v${round}`), remove(name, `v${round}`)]);
  }
});
