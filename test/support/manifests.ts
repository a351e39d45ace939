// What tests push: blobs of random bytes, and manifests that name them.

import { createHash, randomBytes } from 'node:crypto';
import { mediaTypes } from '#shared/oci/media-types.ts';

export type Algorithm = 'sha256' | 'sha512';
export const algorithms: readonly Algorithm[] = ['sha256', 'sha512'];

export interface Content {
  readonly mediaType: string;
  readonly bytes: Buffer;
  readonly digest: string;
}

export interface Manifest extends Content {
  /** What must be in the repository before it. */
  readonly blobs: readonly Content[];
  readonly children: readonly Manifest[];
}

export interface ManifestOptions {
  /** Of the manifest's own digest. */
  readonly algorithm?: Algorithm;
  /** More fields of the JSON, or others in their place; undefined leaves one out. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

export const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip';
export const emptyType = 'application/vnd.oci.empty.v1+json';

export function digestOf(bytes: Uint8Array, algorithm: Algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

export function contentOf(
  bytes: Uint8Array | string,
  mediaType: string = mediaTypes.octetStream,
  algorithm: Algorithm = 'sha256',
): Content {
  const buffer = Buffer.from(bytes);
  return { mediaType, bytes: buffer, digest: digestOf(buffer, algorithm) };
}

/** Bytes that no other test has. */
export function randomBlob(size = 256, algorithm: Algorithm = 'sha256'): Content {
  return contentOf(randomBytes(size), layerType, algorithm);
}

/** The config of things that have none (image specification, "Guidance for an Empty Descriptor"). */
export const emptyConfig = contentOf('{}', emptyType);

export function descriptorOf(
  { mediaType, digest, bytes }: Content,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return { mediaType, digest, size: bytes.length, ...more };
}

/** An image's config: random, so that no two images are the same. */
export function randomConfig(mediaType: string = mediaTypes.ociConfig): Content {
  const config = { architecture: 'amd64', os: 'linux', author: randomBytes(8).toString('hex') };
  return contentOf(JSON.stringify(config), mediaType);
}

/** An OCI image manifest, of one random layer when nothing else is said. */
export function imageManifest(
  options: ManifestOptions & {
    readonly config?: Content;
    readonly layers?: readonly Content[];
    readonly mediaType?: string;
  } = {},
): Manifest {
  const { config = randomConfig(), layers = [randomBlob()] } = options;
  const { mediaType = mediaTypes.ociManifest, algorithm, fields } = options;
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config: descriptorOf(config),
    layers: layers.map((layer) => descriptorOf(layer)),
    ...fields,
  };
  const content = contentOf(JSON.stringify(manifest), mediaType, algorithm);
  return { ...content, blobs: [config, ...layers], children: [] };
}

/** An OCI image index. */
export function imageIndex(
  children: readonly Manifest[],
  options: ManifestOptions & { readonly mediaType?: string } = {},
): Manifest {
  const { mediaType = mediaTypes.ociIndex, algorithm, fields } = options;
  const manifests = children.map((child) => descriptorOf(child));
  const index = { schemaVersion: 2, mediaType, manifests, ...fields };
  return { ...contentOf(JSON.stringify(index), mediaType, algorithm), blobs: [], children };
}

/** An artifact: an image manifest with an empty config, of a type of its own. */
export function artifact(
  artifactType: string,
  { fields, ...options }: ManifestOptions & { readonly subject?: Content } = {},
): Manifest {
  const { subject, ...more } = options;
  return imageManifest({
    ...more,
    config: emptyConfig,
    layers: [emptyConfig],
    fields: {
      artifactType,
      subject: subject === undefined ? undefined : descriptorOf(subject),
      annotations: { 'org.example.serial': randomBytes(8).toString('hex') },
      ...fields,
    },
  });
}

/** A Docker image manifest, version 2, schema 2. */
export function dockerManifest(): Manifest {
  const layer = { ...randomBlob(), mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip' };
  return imageManifest({
    mediaType: mediaTypes.dockerManifest,
    config: randomConfig(mediaTypes.dockerConfig),
    layers: [layer],
  });
}

/** A Docker manifest list. */
export function dockerManifestList(children: readonly Manifest[]): Manifest {
  return imageIndex(children, {
    mediaType: mediaTypes.dockerManifestList,
    fields: {
      manifests: children.map((child) =>
        descriptorOf(child, { platform: { architecture: 'amd64', os: 'linux' } }),
      ),
    },
  });
}
