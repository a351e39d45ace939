// Real images, made on disk with no client: OCI layouts that skopeo and docker take as their own.

import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Digest, digestOf } from '#shared/oci/digest.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';

export interface MadeImage {
  /** Of the manifest, or of the index. */
  readonly digest: Digest;
  /** Of every manifest, an index's children first. */
  readonly manifests: readonly Digest[];
  readonly layers: readonly Digest[];
}

export interface ImageOptions {
  /** The same seed makes the same bytes. */
  readonly seed: string;
  readonly layers: number;
  /** Of each layer's file. */
  readonly bytesPerLayer: number;
}

interface Described {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

/** Writes an OCI layout with one image, tagged `latest`, at a directory. */
export async function writeImage(directory: string, options: ImageOptions): Promise<MadeImage> {
  const layout = await openLayout(directory);
  const { manifest, layers } = await addImage(layout, options, {
    os: 'linux',
    architecture: 'amd64',
  });
  await layout.close(manifest);
  return { digest: manifest.digest, manifests: [manifest.digest], layers };
}

/** Writes an OCI layout with an index of images for two platforms, tagged `latest`. */
export async function writeIndex(directory: string, options: ImageOptions): Promise<MadeImage> {
  const layout = await openLayout(directory);
  const platforms = ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture }));
  const images = [];
  for (const platform of platforms) {
    const seed = `${options.seed} ${platform.architecture}`;
    images.push({ platform, ...(await addImage(layout, { ...options, seed }, platform)) });
  }
  const index = await layout.add(mediaTypes.ociIndex, {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: images.map(({ manifest, platform }) => ({ ...manifest, platform })),
  });
  await layout.close(index);
  return {
    digest: index.digest,
    manifests: [...images.map(({ manifest }) => manifest.digest), index.digest],
    layers: images.flatMap(({ layers }) => layers),
  };
}

interface Layout {
  add(mediaType: string, content: Uint8Array | object): Promise<Described>;
  close(tagged: Described): Promise<void>;
}

async function openLayout(directory: string): Promise<Layout> {
  const blobs = join(directory, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  return {
    add: async (mediaType, content) => {
      const bytes = content instanceof Uint8Array ? content : Buffer.from(JSON.stringify(content));
      const digest = digestOf(bytes);
      await writeFile(join(blobs, digest.slice('sha256:'.length)), bytes);
      return { mediaType, digest, size: bytes.length };
    },
    close: async (tagged) => {
      const annotations = { 'org.opencontainers.image.ref.name': 'latest' };
      const index = { schemaVersion: 2, manifests: [{ ...tagged, annotations }] };
      await writeFile(join(directory, 'index.json'), JSON.stringify(index));
      await writeFile(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    },
  };
}

async function addImage(
  layout: Layout,
  { seed, layers: count, bytesPerLayer }: ImageOptions,
  platform: { readonly os: string; readonly architecture: string },
): Promise<{ manifest: Described; layers: Digest[] }> {
  const tars = Array.from({ length: count }, (_, at) =>
    tarOf(`layer-${at}.bin`, noise(`${seed} ${at}`, bytesPerLayer)),
  );
  const layers: Described[] = [];
  for (const tar of tars) {
    layers.push(await layout.add('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar)));
  }
  const config = await layout.add(mediaTypes.ociConfig, {
    ...platform,
    created: '2026-11-24T12:00:00Z',
    config: { Cmd: ['/layer-0.bin'] },
    rootfs: { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) },
  });
  const manifest = await layout.add(mediaTypes.ociManifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config,
    layers,
  });
  return { manifest, layers: layers.map(({ digest }) => digest) };
}

/** Bytes that do not compress, the same for the same seed. */
function noise(seed: string, size: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  const blocks = Array.from({ length: Math.ceil(size / 64) }, (_, at) =>
    createHash('sha512').update(key).update(String(at)).digest(),
  );
  return Buffer.concat(blocks).subarray(0, size);
}

/** A tar archive of one file (POSIX ustar). */
function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000755\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        0', 148);
  header.write('ustar\0', 257);
  header.write('00', 263);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)]);
}
