// What the model pushes about: few blobs, images that share them, and repositories that share a project,
// so that the actors meet.

import { type Digest, digestOf } from '#shared/oci/digest.ts';
import { manifestInlineBytesMax } from '#shared/oci/limits.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import { parseRepositoryName, parseTag } from '#shared/oci/reference.ts';
import type { Key } from '#shared/ports/documents.ts';
import { type Repository, repositoryAt } from '#shared/registry/layout.ts';

/** Two repositories of one project, which share their blobs, and one of another, which has its own. */
export const repositoryNames = ['one/a', 'one/b', 'two/c'] as const;
export type RepositoryNickname = (typeof repositoryNames)[number];

export const imageNames = ['red', 'blue', 'big'] as const;
export type ImageName = (typeof imageNames)[number];

export const tagNames = ['latest', 'stable'] as const;
export type TagName = (typeof tagNames)[number];

interface Blob {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

export interface Image extends Blob {
  readonly mediaType: string;
  readonly blobs: readonly Blob[];
}

function blob(text: string): Blob {
  const bytes = Buffer.from(text);
  return { bytes, digest: digestOf(bytes) };
}

// Small images make short runs, and short runs of many actors meet more often.
const redConfig = blob('{"os":"linux","architecture":"amd64"}');
const blueConfig = blob('{"os":"linux","architecture":"arm64"}');

function image({
  config,
  layers,
  padding = '',
}: {
  config: Blob;
  layers: readonly Blob[];
  padding?: string;
}): Image {
  const mediaType = mediaTypes.ociManifest;
  const describe = ({ digest, bytes }: Blob, type: string) => ({
    mediaType: type,
    digest,
    size: bytes.length,
  });
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config: describe(config, mediaTypes.ociConfig),
    layers: layers.map((layer) => describe(layer, 'application/vnd.oci.image.layer.v1.tar')),
    annotations: { padding },
  };
  return { ...blob(JSON.stringify(manifest)), mediaType, blobs: [config, ...layers] };
}

export const images: Readonly<Record<ImageName, Image>> = {
  red: image({ config: redConfig, layers: [] }),
  blue: image({ config: blueConfig, layers: [redConfig] }),
  // Too large for its document: its own bytes are a blob that it names.
  big: image({ config: redConfig, layers: [], padding: 'x'.repeat(manifestInlineBytesMax) }),
};

/** Everything that can lie in the blob store. */
export const blobDigests: readonly Digest[] = [redConfig, blueConfig, images.big].map(
  ({ digest }) => digest,
);

export function repositoryOf(location: string, name: RepositoryNickname): Repository {
  const parsed = parseRepositoryName(name);
  if (parsed === undefined) throw new Error(`not a repository's name: ${name}`);
  return repositoryAt(location, parsed);
}

export function tagOf(name: TagName) {
  const tag = parseTag(name);
  if (tag === undefined) throw new Error(`not a tag: ${name}`);
  return { kind: 'tag', tag } as const;
}

const nicknames = new Map<string, string>([
  [redConfig.digest, 'red blob'],
  [blueConfig.digest, 'blue blob'],
  ...imageNames.map((name) => [images[name].digest, `${name} image`] as const),
]);

/** How a trace calls a digest. */
export function nicknameOf(digest: string): string {
  return nicknames.get(digest) ?? digest;
}

/** Kinds whose keys say nothing to a reader of a trace, and are others in each run. */
const withRandomKeys: ReadonlySet<string> = new Set(['reviews', 'outbox', 'parts', 'uploads']);

/** How a trace calls a document or an object: without its location, and with nicknames for digests. */
export function called(key: Key): string {
  const [, project, kind = '', ...rest] = key;
  const shown = withRandomKeys.has(kind) ? [] : rest;
  const inProject = kind === 'blobs' ? [`of ${project}`] : [];
  return [kind, ...shown.map(nicknameOf), ...inProject].join(' ');
}
