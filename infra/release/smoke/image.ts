// An image that nobody has pushed before: its bytes are made by chance, so that none of them can be there already.

import { randomBytes } from 'node:crypto';
import { sha256 } from '../source-id.ts';

export interface Blob {
  readonly digest: string;
  readonly bytes: Buffer;
  readonly mediaType: string;
}

export interface Image {
  readonly tag: string;
  /** Sent in one PATCH, as docker does. Larger than what a server that does not speak HTTP/2 is given. */
  readonly patched: Blob;
  /** Sent in one PUT, as containerd does. */
  readonly put: Blob;
  readonly config: Blob;
  readonly manifest: Blob;
}

/** Cloud Run lets no more than 32 MiB through to HTTP/1. */
const patchedBytes = 33 * 1024 * 1024;
const putBytes = 1024 * 1024;

const layerType = 'application/vnd.oci.image.layer.v1.tar';

export function makeImage(): Image {
  const patched = blobOf(randomBytes(patchedBytes), layerType);
  const put = blobOf(randomBytes(putBytes), layerType);
  const config = blobOf(
    jsonOf({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [patched.digest, put.digest] },
    }),
    'application/vnd.oci.image.config.v1+json',
  );
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = blobOf(
    jsonOf({
      schemaVersion: 2,
      mediaType,
      config: descriptorOf(config),
      layers: [descriptorOf(patched), descriptorOf(put)],
    }),
    mediaType,
  );
  return { tag: `smoke-${manifest.digest.slice(7, 23)}`, patched, put, config, manifest };
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${sha256(bytes)}`;
}

function blobOf(bytes: Buffer, mediaType: string): Blob {
  return { digest: digestOf(bytes), bytes, mediaType };
}

function descriptorOf({ mediaType, digest, bytes }: Blob) {
  return { mediaType, digest, size: bytes.length };
}

function jsonOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
