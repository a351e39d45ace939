// Real images, made on disk with no client: OCI layouts for skopeo, archives for `docker load`.

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

interface Platform {
  readonly os: string;
  readonly architecture: string;
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

/** Writes an archive that `docker load` takes, of an image with a name. docker makes manifest and layers of it itself. */
export async function writeDockerArchive(
  file: string,
  name: string,
  options: ImageOptions,
): Promise<void> {
  const tars = layerTars(options);
  const config = configOf(tars, { os: 'linux', architecture: 'amd64' });
  const manifest = {
    Config: 'config.json',
    RepoTags: [name],
    Layers: tars.map((_, at) => `layer-${at}.tar`),
  };
  await writeFile(
    file,
    tarOf([
      ...tars.map((content, at) => ({ name: `layer-${at}.tar`, content })),
      { name: 'config.json', content: Buffer.from(JSON.stringify(config)) },
      { name: 'manifest.json', content: Buffer.from(JSON.stringify([manifest])) },
    ]),
  );
}

/** The content of `/layer-<at>.bin`, the one file of that layer. */
export function layerFile({ seed, bytesPerLayer }: ImageOptions, at: number): Buffer {
  return noise(`${seed} ${at}`, bytesPerLayer);
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
  options: ImageOptions,
  platform: Platform,
): Promise<{ manifest: Described; layers: Digest[] }> {
  const tars = layerTars(options);
  const layers: Described[] = [];
  for (const tar of tars) {
    layers.push(await layout.add('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar)));
  }
  const config = await layout.add(mediaTypes.ociConfig, configOf(tars, platform));
  const manifest = await layout.add(mediaTypes.ociManifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config,
    layers,
  });
  return { manifest, layers: layers.map(({ digest }) => digest) };
}

function layerTars(options: ImageOptions): Buffer[] {
  return Array.from({ length: options.layers }, (_, at) =>
    tarOf([{ name: `layer-${at}.bin`, content: layerFile(options, at) }]),
  );
}

/** A config that a client can run by. */
function configOf(tars: readonly Buffer[], platform: Platform): object {
  return {
    ...platform,
    created: '2026-11-24T12:00:00Z',
    config: { Cmd: ['/layer-0.bin'] },
    rootfs: { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) },
  };
}

/** Bytes that do not compress, the same for the same seed. */
function noise(seed: string, size: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  const blocks = Array.from({ length: Math.ceil(size / 64) }, (_, at) =>
    createHash('sha512').update(key).update(String(at)).digest(),
  );
  return Buffer.concat(blocks).subarray(0, size);
}

/** A tar archive (POSIX ustar). */
function tarOf(files: readonly { readonly name: string; readonly content: Buffer }[]): Buffer {
  return Buffer.concat([...files.flatMap(tarEntry), Buffer.alloc(1024)]);
}

function tarEntry({ name, content }: { readonly name: string; readonly content: Buffer }) {
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
  return [header, content, padding];
}
