// Manifests: valid ones come through whole, and no bytes at all do more harm than MANIFEST_INVALID.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { digestOf } from '#shared/oci/digest.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { descriptorsMax, manifestBytesMax, nestingMax } from '#shared/oci/limits.ts';
import {
  blobsOf,
  childrenOf,
  type Manifest,
  parseManifest,
  requiredBlobs,
} from '#shared/oci/manifest.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';

const { ociManifest, ociIndex, dockerManifest, dockerManifestList } = mediaTypes;
const manifestTypes: readonly string[] = [
  ociManifest,
  ociIndex,
  dockerManifest,
  dockerManifestList,
];
const layerTypes = [
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
];
const foreignTypes = [
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
];

type Json = Record<string, unknown>;

const anyText = fc.string({ unit: 'grapheme', maxLength: 12 });
/** Keys that would change an object's prototype are kept apart: they are not annotations that anyone needs. */
const annotations = fc.dictionary(
  anyText.filter((key) => !['__proto__', 'prototype', 'constructor'].includes(key)),
  anyText,
  { maxKeys: 4, noNullPrototype: true },
);
const anyDigest = fc
  .tuple(fc.uint8Array({ maxLength: 4 }), fc.constantFrom('sha256' as const, 'sha512' as const))
  .map(([bytes, algorithm]) => digestOf(bytes, algorithm));

function descriptor(...types: readonly string[]) {
  const optional = fc.record(
    {
      urls: fc.array(fc.webUrl(), { maxLength: 2 }),
      annotations,
      artifactType: fc.constant('application/vnd.example+type'),
      platform: fc.constant({ os: 'linux', architecture: 'arm64', 'os.features': ['x'] }),
    },
    { requiredKeys: [] },
  );
  const required = fc.record({
    mediaType: fc.constantFrom(...types),
    digest: anyDigest,
    size: fc.maxSafeNat(),
  });
  const embedded = fc.uint8Array({ maxLength: 20 }).map((bytes) => ({
    mediaType: types[0],
    digest: digestOf(bytes),
    size: bytes.length,
    data: Buffer.from(bytes).toString('base64'),
  }));
  return fc
    .tuple(
      fc.oneof({ weight: 4, arbitrary: required }, { weight: 1, arbitrary: embedded }),
      optional,
    )
    .map(([some, more]): Json => ({ ...some, ...more }));
}

const common = fc.record(
  {
    subject: descriptor(ociManifest, ociIndex),
    annotations,
    artifactType: fc.constant('application/vnd.example.thing.v1'),
    'org.example.unknown': fc.jsonValue({ maxDepth: 3 }),
  },
  { requiredKeys: [] },
);
const image = fc
  .tuple(
    common,
    descriptor(mediaTypes.ociConfig, mediaTypes.dockerConfig),
    fc.array(descriptor(...layerTypes, ...foreignTypes), { maxLength: 6 }),
  )
  .map(([more, config, layers]): Json => ({ schemaVersion: 2, ...more, config, layers }));
const index = fc
  .tuple(common, fc.array(descriptor(...manifestTypes, ...layerTypes), { maxLength: 6 }))
  .map(([more, manifests]): Json => ({ schemaVersion: 2, ...more, manifests }));

/** How the type is said: by the body, by the header, by both, or by neither. */
const pushed = fc
  .tuple(
    fc.oneof(
      fc.tuple(image, fc.constantFrom<string>(ociManifest, dockerManifest)),
      fc.tuple(index, fc.constantFrom<string>(ociIndex, dockerManifestList)),
    ),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([[json, mediaType], inBody, inHeader]) => ({
    json: inBody ? { ...json, mediaType } : json,
    contentType: inHeader ? mediaType : undefined,
    mediaType: inBody || inHeader ? mediaType : 'manifests' in json ? ociIndex : ociManifest,
  }));

function bytesOf(json: unknown): Buffer {
  return Buffer.from(JSON.stringify(json));
}

function listOf(json: Json, name: string): Json[] {
  return (json[name] ?? []) as Json[];
}

/** Parses; a refusal is the one error, and fit to be shown. */
function parseOrRefuse(bytes: Uint8Array, contentType?: string): Manifest | undefined {
  try {
    return parseManifest(bytes, contentType);
  } catch (error) {
    assert.ok(error instanceof RegistryError, String(error));
    assert.equal(error.code, 'MANIFEST_INVALID');
    assert.equal(error.status, 400);
    assert.match(error.message, /^manifest invalid: ./);
    assert.ok(error.message.length < 2000, `a message of ${error.message.length} characters`);
    return undefined;
  }
}

function assertRefused(bytes: Uint8Array | string, message: RegExp, contentType?: string): void {
  assert.throws(
    () => parseManifest(Buffer.from(bytes), contentType),
    (error: unknown) => {
      assert.ok(error instanceof RegistryError, String(error));
      assert.equal(error.code, 'MANIFEST_INVALID');
      assert.match(error.message, message);
      return true;
    },
  );
}

describe('a valid manifest', () => {
  it('comes through with everything that it says', () => {
    fc.assert(
      fc.property(pushed, ({ json, contentType, mediaType }) => {
        const parsed = parseManifest(bytesOf(json), contentType);
        const isIndex = 'manifests' in json;
        const config = json['config'] as Json | undefined;
        assert.equal(parsed.mediaType, mediaType);
        // "the config's mediaType … when artifactType is empty or missing"
        assert.equal(parsed.artifactType, json['artifactType'] ?? config?.['mediaType']);
        assert.deepEqual(plain(parsed.annotations), json['annotations']);
        assert.deepEqual(plain(parsed.subject), json['subject']);
        assert.deepEqual(plain(parsed.config), isIndex ? undefined : config);
        assert.deepEqual(plain(parsed.layers), listOf(json, 'layers'));
        assert.deepEqual(plain(parsed.manifests), listOf(json, 'manifests'));
      }),
      { numRuns: 400 },
    );
  });

  it('names each blob and each child once, and needs every blob that is not foreign', () => {
    fc.assert(
      fc.property(pushed, ({ json, contentType }) => {
        const parsed = parseManifest(bytesOf(json), contentType);
        const config = json['config'] === undefined ? [] : [json['config'] as Json];
        const entries = listOf(json, 'manifests');
        const isChild = ({ mediaType }: Json) => manifestTypes.includes(String(mediaType));
        const blobs = [
          ...config,
          ...listOf(json, 'layers'),
          ...entries.filter((one) => !isChild(one)),
        ];
        assert.deepEqual(digestsOf(blobsOf(parsed)), digestsOf(blobs));
        assert.deepEqual(digestsOf(childrenOf(parsed)), digestsOf(entries.filter(isChild)));
        const required = digestsOf(requiredBlobs(parsed));
        const foreign = blobs.filter(({ mediaType }) => foreignTypes.includes(String(mediaType)));
        const local = blobs.filter((one) => !foreign.includes(one));
        // One that is named as foreign and as not is decided by either.
        for (const digest of digestsOf(local)) {
          const both = digestsOf(foreign).has(digest);
          assert.ok(required.has(digest) || both, `${digest} is not required`);
        }
        for (const digest of required) assert.ok(digestsOf(local).has(digest), digest);
      }),
      { numRuns: 400 },
    );
  });

  it('with any one place of it changed is refused, or still sound in every descriptor', () => {
    const place = fc.array(fc.nat(6), { maxLength: 4 });
    const other = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>(-1, 1.5, 2 ** 53, '', 'a/b', null, [], {}, 'sha256:00', true),
    );
    fc.assert(
      fc.property(pushed, place, other, ({ json, contentType }, path, value) => {
        const changed = structuredClone(json);
        replaceAt(changed, path, value);
        const parsed = parseOrRefuse(bytesOf(changed), contentType);
        if (parsed !== undefined) assertSound(parsed);
      }),
      { numRuns: 1500 },
    );
  });
});

/** Without what is undefined, and free of prototypes. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function digestsOf(descriptors: readonly { readonly digest?: unknown }[]): Set<string> {
  return new Set(descriptors.map(({ digest }) => String(digest)));
}

/** Puts a value at a path of the n-th keys. */
function replaceAt(json: Json, path: readonly number[], value: unknown): void {
  let at: Record<string, unknown> = json;
  for (const [step, nth] of path.entries()) {
    const keys = Object.keys(at);
    const key = keys[nth % Math.max(keys.length, 1)];
    if (key === undefined) return;
    const next = at[key];
    if (step === path.length - 1 || typeof next !== 'object' || next === null) {
      at[key] = value;
      return;
    }
    at = next as Json;
  }
}

/** What all that follows relies on. */
function assertSound(manifest: Manifest): void {
  const { config, layers, manifests, subject } = manifest;
  const all = [config, subject, ...layers, ...manifests].filter((one) => one !== undefined);
  for (const { digest, size, mediaType } of all) {
    assert.match(digest, /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/);
    assert.ok(Number.isSafeInteger(size) && size >= 0);
    assert.match(mediaType, /^[^/\s]+\/[^/\s]+$/);
  }
  assert.ok(manifestTypes.includes(manifest.mediaType));
  assert.ok(layers.length === 0 || manifests.length === 0);
}

describe('hostile bytes', () => {
  it('are refused as MANIFEST_INVALID and nothing else, whatever they are', () => {
    const contentType = fc.constantFrom(undefined, ...manifestTypes, 'text/plain', '', 'x');
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .record(
          Object.fromEntries(
            ['schemaVersion', 'mediaType', 'config', 'layers', 'manifests', 'subject'].map(
              (name) => [name, fc.oneof(fc.constant<unknown>(2), fc.jsonValue())],
            ),
          ),
          { requiredKeys: [] },
        )
        .map(bytesOf),
    );
    fc.assert(
      fc.property(bytes, contentType, (input, type) => {
        const parsed = parseOrRefuse(input, type);
        if (parsed !== undefined) assertSound(parsed);
      }),
      { numRuns: 3000 },
    );
  });

  const empty = digestOf(Buffer.from('{}'));
  const config = { mediaType: mediaTypes.ociConfig, digest: empty, size: 2 };
  const valid = { schemaVersion: 2, mediaType: ociManifest, config, layers: [] };
  const text = JSON.stringify(valid);
  /** The valid manifest with a config's field as it is written here. */
  const withConfig = (field: string, written: string) =>
    text.replace(
      `"${field}":${JSON.stringify(config[field as keyof typeof config])}`,
      `"${field}":${written}`,
    );

  it('may nest so deep and no deeper, in arrays, objects and both', () => {
    // The manifest itself is the first level.
    const nested = (open: string, close: string, depth: number) =>
      `${text.slice(0, -1)},"x":${open.repeat(depth)}1${close.repeat(depth)}}`;
    for (const [open, close, levels] of [
      ['[', ']', 1],
      ['{"a":', '}', 1],
      ['[{"a":', '}]', 2],
    ] as const) {
      const fits = Math.floor((nestingMax - 1) / levels);
      assert.ok(parseManifest(Buffer.from(nested(open, close, fits)), undefined));
      assertRefused(nested(open, close, fits + 1), /deeper than 100/);
      assertRefused(nested(open, close, 300_000), /deeper than 100/);
      assertRefused(open.repeat(600_000), /deeper than 100/);
    }
  });

  it('may hold brackets in text without nesting', () => {
    const brackets = `${'['.repeat(500)}\\"{{{\\\\`;
    const json = `${text.slice(0, -1)},"x":"${brackets}"}`;
    assert.ok(parseManifest(Buffer.from(json), undefined));
  });

  it('may name so many descriptors and no more', () => {
    const layers = (count: number) =>
      bytesOf({ ...valid, layers: Array.from({ length: count }, () => config) });
    const manifests = (count: number) =>
      bytesOf({
        schemaVersion: 2,
        mediaType: ociIndex,
        manifests: Array.from({ length: count }, () => ({ ...config, mediaType: ociManifest })),
      });
    assert.equal(parseManifest(layers(descriptorsMax), undefined).layers.length, descriptorsMax);
    assertRefused(layers(descriptorsMax + 1), /at most 1000 descriptors/);
    assertRefused(manifests(descriptorsMax + 1), /at most 1000 descriptors/);
    assertRefused(layers(20_000), /at most 1000 descriptors/);
  });

  it('of a huge array, key or text are refused in a few words', () => {
    const room = manifestBytesMax - 1000;
    const huge = 'a'.repeat(room);
    for (const json of [
      `[${'1,'.repeat(room / 2)}1]`,
      JSON.stringify({ ...valid, layers: Array.from({ length: room / 3 }, () => 1) }),
      JSON.stringify({ ...valid, schemaVersion: huge }),
      JSON.stringify({ ...valid, mediaType: huge }),
      JSON.stringify({ ...valid, config: huge }),
      JSON.stringify({ ...valid, config: { ...config, digest: huge } }),
      JSON.stringify({ ...valid, config: { ...config, size: huge } }),
      JSON.stringify({ ...valid, annotations: { [huge]: 1 } }),
      JSON.stringify({ ...valid, annotations: huge }),
    ]) {
      assert.equal(parseOrRefuse(Buffer.from(json)), undefined);
    }
    assert.equal(parseOrRefuse(Buffer.from(text), `application/${huge}`), undefined);
  });

  it('that are no UTF-8, or carry a byte order mark, are refused', () => {
    const at = text.indexOf('"layers"');
    const inside = (...bytes: number[]) =>
      Buffer.concat([
        Buffer.from(`${text.slice(0, at)}"x":"`),
        Buffer.from(bytes),
        Buffer.from(`",${text.slice(at)}`),
      ]);
    assert.ok(parseManifest(inside(0xc3, 0xa9), undefined));
    for (const bytes of [
      [0xff],
      [0xc3],
      [0xc0, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
    ]) {
      assertRefused(inside(...bytes), /not JSON in UTF-8/);
    }
    assertRefused(Buffer.from(`\ufeff${text}`), /not JSON in UTF-8/);
    assertRefused(Buffer.from(text, 'utf16le'), /not JSON in UTF-8/);
  });

  it('that are no single JSON object are refused', () => {
    for (const body of [
      '',
      ' ',
      '{',
      '{}{}',
      `${text}x`,
      `${text}\0`,
      "{'a':1}",
      '{"a":1,}',
      'NaN',
    ]) {
      assertRefused(body, /not JSON in UTF-8/);
    }
    for (const body of ['null', '[]', '1', '"text"', 'true', `[${text}]`]) {
      assertRefused(body, /not a JSON object/);
    }
    assertRefused('{}', /^manifest invalid: /);
  });

  it('with a size that is none are refused', () => {
    for (const size of [
      '-1',
      '-0.5',
      '1.5',
      '1e999',
      '-1e999',
      '9007199254740992',
      '1e300',
      '"2"',
    ]) {
      assertRefused(withConfig('size', size), /^manifest invalid: config\.size: /);
    }
    for (const size of ['null', '[2]', '{}', 'true']) {
      assertRefused(withConfig('size', size), /^manifest invalid: config\.size: /);
    }
    assert.equal(parseManifest(Buffer.from(withConfig('size', '2e0')), undefined).config?.size, 2);
  });

  it('with a digest or a media type that is none are refused, and the place is named', () => {
    for (const digest of [
      '""',
      'null',
      '"sha256:"',
      `"sha256:${'A'.repeat(64)}"`,
      `"md5:${'a'.repeat(32)}"`,
      `"sha256:${'a'.repeat(64)}\\n"`,
      '"sha256:../../../../etc/passwd"',
    ]) {
      assertRefused(withConfig('digest', digest), /^manifest invalid: config\.digest: /);
    }
    for (const mediaType of [
      '""',
      'null',
      '"a"',
      '"a/b/c"',
      '"a/b; c=d"',
      '"a/b\\r\\nX: y"',
      '"/"',
    ]) {
      assertRefused(withConfig('mediaType', mediaType), /^manifest invalid: config\.mediaType: /);
    }
    const layers = [config, { ...config, digest: 'sha256:0' }];
    assertRefused(bytesOf({ ...valid, layers }), /^manifest invalid: layers\.1\.digest: /);
  });

  it('with keys that are repeated mean what the last says, as every JSON parser reads them', () => {
    const other = digestOf(Buffer.from('other'));
    const twice = text.replace(
      '"layers":',
      `"config":{"mediaType":"a/b","digest":"${other}","size":5},"layers":`,
    );
    assert.equal(parseManifest(Buffer.from(twice), undefined).config?.digest, other);
    const typed = text.replace('"layers":', `"mediaType":"${dockerManifest}","layers":`);
    assertRefused(typed, /Content-Type is/, ociManifest);
  });

  it('with keys of an object’s prototype change no prototype and are read as nothing', () => {
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      const poisoned = text.replace(
        '"layers":',
        `"annotations":{"${key}":"x","kept":"y"},"${key}":{"polluted":"yes"},"layers":`,
      );
      const parsed = parseOrRefuse(Buffer.from(poisoned));
      assert.equal(Object.getPrototypeOf({}).polluted, undefined);
      assert.equal(Object.hasOwn(Object.prototype, 'x'), false);
      assert.equal(parsed?.annotations?.['kept'], 'y', key);
      assert.equal(Object.getPrototypeOf(parsed?.annotations), Object.prototype);
    }
    const annotated = text.replace('"layers":', '"annotations":{"__proto__":{"a":"b"}},"layers":');
    parseOrRefuse(Buffer.from(annotated));
    assert.equal(({} as Record<string, unknown>)['a'], undefined);
  });

  it('with annotations that are no text are refused', () => {
    for (const value of ['1', 'null', '["a"]', '{"a":"b"}', 'true']) {
      const json = text.replace('"layers":', `"annotations":{"key":${value}},"layers":`);
      assertRefused(json, /^manifest invalid: annotations\.key: /);
    }
  });

  it('with a list for annotations are refused', () => {
    assertRefused(text.replace('"layers":', '"annotations":["a"],"layers":'), /annotations/);
  });

  it('that are an image and an index at once are refused, whichever they call themselves', () => {
    const both = { ...valid, manifests: [] };
    for (const mediaType of manifestTypes) {
      assertRefused(bytesOf({ ...both, mediaType }), /must not be in/);
      assertRefused(bytesOf({ ...both, mediaType: undefined }), /must not be in/, mediaType);
    }
    assertRefused(bytesOf({ ...both, mediaType: undefined }), /must not be in/);
  });

  it('that call themselves one thing and are another are refused', () => {
    for (const contentType of manifestTypes.filter((type) => type !== ociManifest)) {
      assertRefused(text, /Content-Type is .*, but the manifest's mediaType is/, contentType);
    }
    assertRefused(text, /Content-Type is/, 'application/json');
    const untyped = JSON.stringify({ ...valid, mediaType: undefined });
    assertRefused(untyped, /not a manifest's media type: use one of/, 'application/json');
    assertRefused(untyped, /^manifest invalid: manifests: /, ociIndex);
    assertRefused(bytesOf({ ...valid, schemaVersion: 3 }), /^manifest invalid: schemaVersion: /);
    assertRefused(bytesOf({ ...valid, mediaType: 5 }), /mediaType: is not text/);
  });

  it('of Docker’s schema 1 are refused with what to do, however they are told', () => {
    const schema1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
    for (const [body, contentType] of [
      ['{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[]}', undefined],
      ['{"schemaVersion":1}', ociManifest],
      ['{}', schema1],
      [JSON.stringify({ mediaType: schema1 }), undefined],
    ] as const) {
      assertRefused(body, /schema 1 .* push with a client/, contentType);
    }
  });

  it('with data that is not the content its digest names are refused', () => {
    const data = (base64: string, size = 2) =>
      bytesOf({ ...valid, config: { ...config, size, data: base64 } });
    assert.ok(parseManifest(data('e30='), undefined));
    assertRefused(data('ezs='), /data that is not the content/);
    assertRefused(data('e30=', 3), /data that is not the content/);
    assertRefused(data(''), /data that is not the content/);
    assertRefused(bytesOf({ ...valid, config: { ...config, data: 5 } }), /config\.data: /);
  });
});
