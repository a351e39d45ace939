// The specification's chapter "Push", "Mounting a blob from another repository": end-11.

import {
  type Call,
  missBlob,
  pullBlob,
  pushAll,
  pushBlob,
  pushManifest,
  type Row,
  testCalls,
  useRegistry,
} from '#test/support/calls.ts';
import { algorithms, type Content, imageManifest, randomBlob } from '#test/support/manifests.ts';

const registry = useRegistry();
const [source, target, abroad] = ['mounts/source', 'mounts/target', 'elsewhere/target'];

function mount(into: string, { digest }: Content, from?: string): Call {
  const query = from === undefined ? '' : `&from=${encodeURIComponent(from)}`;
  return {
    method: 'POST',
    path: `/v2/${into}/blobs/uploads/?mount=${digest}${query}`,
    expect: {
      status: 201,
      headers: { Location: `/v2/${into}/blobs/${digest}`, 'Docker-Content-Digest': digest },
    },
  };
}

/** "unable to mount the requested blob, it SHOULD return a 202 … the client MAY proceed with the upload". */
function uploadInstead(into: string, blob: Content, from?: string): Call[] {
  return [
    {
      ...mount(into, blob, from),
      expect: { status: 202, headers: { Range: '0-0' } },
      keep: { upload: 'Location' },
    },
    missBlob(into, blob),
    {
      method: 'PUT',
      path: `{upload}&digest=${blob.digest}`,
      body: blob.bytes,
      expect: { status: 201 },
    },
    pullBlob(into, blob),
  ];
}

const row = (description: string, calls: Call[]): Row => ({ description, calls });

for (const algorithm of algorithms) {
  const blob = () => randomBlob(512, algorithm);
  const [named, unnamed, across, itself, twice, gone, image] = [
    blob(),
    blob(),
    blob(),
    blob(),
    blob(),
    blob(),
    imageManifest(),
  ];
  testCalls(`end-11, what can be mounted, ${algorithm}`, registry, [
    row('"a successful mount MUST be 201 Created, and MUST contain Location", within a project', [
      pushBlob(source, named),
      missBlob(target, named),
      mount(target, named, source),
      pullBlob(target, named),
      pullBlob(source, named),
    ]),
    row('"The registry MAY treat the from parameter as optional": within a project it is', [
      pushBlob(source, unnamed),
      mount(target, unnamed),
      pullBlob(target, unnamed),
    ]),
    row('from another project, when from names it', [
      pushBlob(source, across),
      mount(abroad, across, source),
      pullBlob(abroad, across),
    ]),
    row('into the repository that holds it already', [
      pushBlob(source, itself),
      mount(source, itself, source),
      mount(source, itself),
      pullBlob(source, itself),
    ]),
    row('twice', [
      pushBlob(source, twice),
      mount(target, twice, source),
      mount(target, twice, source),
      pullBlob(target, twice),
    ]),
    row('and stays where it was mounted when the source lets go of it', [
      pushBlob(source, gone),
      mount(target, gone, source),
      mount(abroad, gone, source),
      { method: 'DELETE', path: `/v2/${source}/blobs/${gone.digest}`, expect: { status: 202 } },
      missBlob(source, gone),
      pullBlob(target, gone),
      pullBlob(abroad, gone),
    ]),
    row('and can be named by a manifest then', [
      ...pushAll(source, image),
      ...image.blobs.map((each) => mount(target, each, source)),
      pushManifest(target, image),
    ]),
  ]);

  const [missing, noRepository, foreign, badName, empty] = [blob(), blob(), blob(), blob(), blob()];
  const beside = blob();
  testCalls(`end-11, what cannot is uploaded instead, ${algorithm}`, registry, [
    row('a blob that the source does not hold', uploadInstead(target, missing, source)),
    row('a blob that another repository of the source’s project holds', [
      pushBlob('mounts/beside', beside),
      ...uploadInstead(target, beside, source),
      ...uploadInstead(abroad, beside, 'mounts/never'),
    ]),
    row('a blob of a repository that does not exist', [
      ...uploadInstead(target, noRepository, 'mounts/never'),
    ]),
    row('a blob that nobody holds, with no source named', uploadInstead(target, empty)),
    row('a blob of another project, with no source named', [
      pushBlob(source, foreign),
      ...uploadInstead(abroad, foreign),
    ]),
    row('a source that is no repository’s name', uploadInstead(target, badName, 'Not/A/Name')),
  ]);
}

testCalls('end-11, a digest that is none', registry, [
  ...['sha256:baddigeststring', `md5:${'0'.repeat(32)}`, ''].flatMap((digest) =>
    ['', `&from=${source}`].map(
      (from): Row => ({
        description: `mount=${digest.slice(0, 24)}${from} is 400`,
        method: 'POST',
        path: `/v2/${target}/blobs/uploads/?mount=${digest}${from}`,
        expect: { status: 400, code: 'DIGEST_INVALID' },
      }),
    ),
  ),
]);
