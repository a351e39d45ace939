// Manifests as a grammar: sound ones over contents that are there, and each with a few places of it broken.

import { mediaTypes } from '#shared/oci/media-types.ts';
import type { Random } from './random.ts';
import { digest, type Subject } from './values.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

export interface WrittenManifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip';

/** @param breaks how many places of it are broken */
export function manifest(random: Random, subject: Subject, breaks: number): WrittenManifest {
  const isIndex = random.chance(0.3);
  const json = isIndex ? index(random, subject) : image(random, subject);
  for (let broken = 0; broken < breaks; broken += 1) breakTree(random, subject, json);
  const text = breaks === 0 ? JSON.stringify(json) : written(random, json);
  const bytes = breaks > 0 && random.chance(0.2) ? brokenBytes(random, text) : Buffer.from(text);
  return { bytes, mediaType: contentTypeOf(random, json, isIndex) };
}

/** An image's config. @param breaks how many places of it are broken */
export function config(random: Random, subject: Subject, breaks: number): Buffer {
  const json: JsonObject = {
    created: random.pick(['2026-11-24T12:00:00Z', '2026-11-24T12:00:00.123456789+02:00', '', 'x']),
    os: random.pick(['linux', 'windows', '', 'x'.repeat(2000), '\ud800', '\u0000']),
    architecture: random.pick(['amd64', 'arm', '__proto__']),
    ...(random.chance(0.5) ? { variant: random.pick(['v8', '', '/../', 'é'.repeat(60)]) } : {}),
    config: { Cmd: ['/bin/true'] },
    rootfs: { type: 'layers', diff_ids: [random.pick(subject.blobs).digest] },
  };
  for (let broken = 0; broken < breaks; broken += 1) breakTree(random, subject, json);
  const text = breaks === 0 ? JSON.stringify(json) : written(random, json);
  return breaks > 0 && random.chance(0.2) ? brokenBytes(random, text) : Buffer.from(text);
}

function contentTypeOf(random: Random, json: JsonObject, isIndex: boolean): string {
  const stated = json['mediaType'];
  // What may stand in a header: the rest of the request is about the manifest.
  if (typeof stated === 'string' && /^[\x21-\x7e]{1,200}$/.test(stated)) return stated;
  return random.chance(0.9) ? mediaTypes[isIndex ? 'ociIndex' : 'ociManifest'] : 'text/plain';
}

function image(random: Random, subject: Subject): JsonObject {
  const isDocker = random.chance(0.2);
  return {
    schemaVersion: 2,
    mediaType: isDocker ? mediaTypes.dockerManifest : mediaTypes.ociManifest,
    config: described(
      random.pick(subject.blobs),
      isDocker ? mediaTypes.dockerConfig : mediaTypes.ociConfig,
    ),
    layers: Array.from({ length: random.below(4) }, () =>
      described(random.pick(subject.blobs), layerType),
    ),
    ...more(random, subject),
  };
}

function index(random: Random, subject: Subject): JsonObject {
  return {
    schemaVersion: 2,
    mediaType: random.chance(0.2) ? mediaTypes.dockerManifestList : mediaTypes.ociIndex,
    manifests: Array.from({ length: random.below(4) }, () => {
      const child = random.pick(subject.manifests);
      return {
        ...described(child, child.mediaType),
        platform: { os: 'linux', architecture: 'amd64' },
      };
    }),
    ...more(random, subject),
  };
}

function more(random: Random, subject: Subject): JsonObject {
  const of = random.pick(subject.manifests);
  return {
    // So that few are the same, and most are new to the registry.
    annotations: { 'org.example.serial': String(random.below(2 ** 31)) },
    ...(random.chance(0.2) ? { artifactType: 'application/vnd.example+type' } : {}),
    ...(random.chance(0.2) ? { subject: described(of, of.mediaType) } : {}),
  };
}

function described(
  content: { readonly digest: string; readonly size: number },
  mediaType: string,
): JsonObject {
  return { mediaType, digest: content.digest, size: content.size };
}

/** Stands for text that JSON.stringify would not write. */
const rawMark = 'written raw';
const raws = [
  ...[
    '1e999',
    '-1e999',
    '-0',
    '0.1',
    '9007199254740993',
    '1'.repeat(400),
    '1E400',
    '01',
    '+1',
    '0x10',
    'NaN',
  ],
  ...[
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"\\u0000"',
    '"\\x"',
    "'text'",
    'undefined',
    '',
    '\u0000',
    '\ufeff',
  ],
  ...['["'.repeat(40), '['.repeat(99), '['.repeat(101), '[[]]', '{"a":{"a":{}}}'],
];

function hostileValue(random: Random, subject: Subject): Json {
  const kind = random.below(12);
  if (kind < 4) return rawMark;
  if (kind === 4) return digest(random, subject, false);
  if (kind === 5) return deep(random.pick([50, 98, 99, 100, 101, 2000]), random.chance(0.5));
  if (kind === 6) return 'x'.repeat(random.pick([127, 128, 255, 256, 4096, 100_000]));
  if (kind === 7) {
    const one = random.pick(subject.blobs);
    const length = random.pick([2, 20, 999, 1000, 1001, 3000]);
    // Each its own: a list within a list of the same would grow without end.
    return Array.from({ length }, () => described(one, layerType));
  }
  return random.pick<Json>([
    null,
    true,
    false,
    0,
    -1,
    1,
    2 ** 53,
    0.5,
    '',
    '2',
    [],
    {},
    [[]],
    [null],
    'application/x/y',
    { length: 2 },
  ]);
}

function deep(depth: number, lists: boolean): Json {
  let value: Json = 0;
  for (let level = 0; level < depth; level += 1) value = lists ? [value] : { a: value };
  return value;
}

/** Replaces, removes or adds one value, wherever in the tree. */
function breakTree(random: Random, subject: Subject, json: JsonObject): void {
  const places = placesOf(json);
  if (places.length === 0) return;
  const { holder, key } = random.pick(places);
  const kind = random.below(6);
  if (kind === 0) {
    delete holder[key];
    return;
  }
  const added = random.pick([
    '__proto__',
    'constructor',
    'config',
    'layers',
    'manifests',
    'subject',
    'urls',
    'data',
    'annotations',
    'fsLayers',
    'signatures',
    '',
  ]);
  const at = kind === 1 ? added : key;
  const value = hostileValue(random, subject);
  // An assignment to `__proto__` would be to ours.
  Object.defineProperty(holder, at, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

interface Place {
  readonly holder: JsonObject;
  readonly key: string;
}

function placesOf(value: Json, depth = 0): Place[] {
  if (typeof value !== 'object' || value === null || depth > 4) return [];
  // A list is written by its keys, as an object is.
  const holder = value as JsonObject;
  return Object.keys(holder)
    .slice(0, 20)
    .flatMap((key) => [{ holder, key }, ...placesOf(holder[key] ?? null, depth + 1)]);
}

/** The text of it, with raw values put in, and perhaps a key that stands twice. */
function written(random: Random, json: JsonObject): string {
  const text = JSON.stringify(json).replaceAll(JSON.stringify(rawMark), () => random.pick(raws));
  if (random.chance(0.85)) return text;
  const repeated = random.pick([
    'schemaVersion',
    'mediaType',
    'config',
    'layers',
    'digest',
    'size',
  ]);
  const value = random.pick(['1', '2', 'null', '"x"', '[]', '{}']);
  return text.replace('{', `{"${repeated}":${value},`);
}

function brokenBytes(random: Random, text: string): Buffer {
  const bytes = Buffer.from(text);
  switch (random.below(5)) {
    case 0:
      return bytes.subarray(0, random.below(bytes.length));
    case 1:
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]);
    case 2:
      return Buffer.from(text, 'utf16le');
    case 3:
      return Buffer.concat([bytes, random.bytes(3)]);
    default:
      bytes[random.below(bytes.length)] = random.below(256);
      return bytes;
  }
}
