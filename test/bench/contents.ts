// What is pushed: bytes that no server has seen before, made as fast as they are sent.

import { createHash, randomBytes } from 'node:crypto';

export interface Blob {
  readonly bytes: Buffer;
  readonly digest: string;
}

export function smallBlob(size: number): Blob {
  const bytes = randomBytes(size);
  return { bytes, digest: digestOf(bytes) };
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

const blockBytes = 1024 * 1024;
const block = randomBytes(blockBytes);
/** The same block as an HTTP client in Go sends it when it does not know the length: chunks of 32 KiB. */
const chunkedBlock = Buffer.concat(
  Array.from({ length: blockBytes / 32_768 }, (_, at) =>
    chunk(block.subarray(at * 32_768, (at + 1) * 32_768)),
  ),
);

/** A large layer: one block of its own, then the same block again and again. */
export class Layer {
  readonly size: number;
  readonly digest: string;
  readonly #first = randomBytes(blockBytes);

  /** @param size in whole MiB */
  constructor(size: number) {
    this.size = size;
    const hash = createHash('sha256').update(this.#first);
    for (let at = blockBytes; at < size; at += blockBytes) hash.update(block);
    this.digest = `sha256:${hash.digest('hex')}`;
  }

  *plain(): Generator<Buffer> {
    yield this.#first;
    for (let at = blockBytes; at < this.size; at += blockBytes) yield block;
  }

  /** Framed as `Transfer-Encoding: chunked`, the end included. */
  *chunked(): Generator<Buffer> {
    yield chunk(this.#first);
    for (let at = blockBytes; at < this.size; at += blockBytes) yield chunkedBlock;
    yield Buffer.from('0\r\n\r\n');
  }
}

function chunk(bytes: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`${bytes.length.toString(16)}\r\n`),
    bytes,
    Buffer.from('\r\n'),
  ]);
}

/** An image's manifest. */
export function manifestOf(config: Blob, layers: readonly Blob[]): Blob {
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: manifestType,
    config: {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      digest: config.digest,
      size: config.bytes.length,
    },
    layers: layers.map(({ digest, bytes }) => ({
      mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
      digest,
      size: bytes.length,
    })),
  });
  const bytes = Buffer.from(text);
  return { bytes, digest: digestOf(bytes) };
}

export const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';
