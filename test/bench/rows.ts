// What is measured, a row each. A row prepares a server once, then measures it as often as it is asked to.

import { type Blob, Layer, manifestOf, smallBlob } from './contents.ts';
import { demand, perSecond, type Work } from './load.ts';
import {
  head,
  type LayerSequence,
  manifestPut,
  pushByPatch,
  pushByPut,
  pushImage,
  pushLayer,
  type Target,
} from './pushes.ts';
import type { Server } from './servers.ts';

export interface Row {
  readonly name: string;
  readonly kind: 'metadata' | 'push' | 'bytes';
  readonly unit: '/s' | 'MB/s';
  /** @returns what measures that server for about so many seconds; more is better */
  prepare(server: Server): Promise<(seconds: number) => Promise<number>>;
}

const mebibyte = 1024 * 1024;
const readers = { connections: 32 };
const writers = { connections: 16 };

/** A repository with a token of its own for each measurement, since tokens do not last. */
async function targetOf(server: Server, name: string, ...more: string[]): Promise<Target> {
  return { server, name, authorization: await server.authorization([name, ...more]) };
}

/** A repository that holds one small image, tagged `v1`. */
async function withImage(server: Server, name: string) {
  const target = await targetOf(server, name);
  const image = { config: smallBlob(1500), layers: [smallBlob(4096)], tag: 'v1' };
  const connection = await server.connect();
  const manifest = manifestOf(image.config, image.layers);
  const known = await connection.send(head(target, 'HEAD', `/v2/${name}/manifests/v1`));
  if (known.status !== 200) await pushImage(connection, target, pushByPut, image);
  connection.close();
  return { target, manifest, layer: image.layers[0] as Blob };
}

/** The same request over and over. */
function repeated(
  name: string,
  kind: Row['kind'],
  options: {
    /** Makes a repository ready for it. @returns method and path */
    readonly request: (server: Server, repository: string) => Promise<[string, string]>;
    readonly headers?: string;
    readonly status?: number;
    readonly connections?: number;
  },
): Row {
  const { request, headers = '', status = 200, connections = readers.connections } = options;
  return {
    name,
    kind,
    unit: '/s',
    prepare: async (server) => {
      const repository = `bench/${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
      const [method, path] = await request(server, repository);
      return async (seconds) => {
        const target = await targetOf(server, repository);
        const bytes = Buffer.from(head(target, method, path, headers));
        return perSecond(server, { connections, seconds }, async (connection) => {
          await demand(connection, bytes, status);
        });
      };
    },
  };
}

/** Accept as docker sends it: a line a type. */
const accepts = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
]
  .map((type) => `Accept: ${type}\r\n`)
  .join('');

function manifestRow(method: 'GET' | 'HEAD', by: 'tag' | 'digest'): Row {
  return repeated(`manifest ${method} by ${by}`, 'metadata', {
    headers: accepts,
    request: async (server, name) => {
      const { manifest } = await withImage(server, name);
      return [method, `/v2/${name}/manifests/${by === 'tag' ? 'v1' : manifest.digest}`];
    },
  });
}

/** Work that is new each time: a turn is one unit. */
function each(
  name: string,
  kind: Row['kind'],
  prepare: (server: Server, round: () => number) => Promise<() => Promise<Work>>,
): Row {
  return {
    name,
    kind,
    unit: '/s',
    prepare: async (server) => {
      let round = 0;
      const work = await prepare(server, () => round);
      return async (seconds) => {
        round += 1;
        return perSecond(server, { ...writers, seconds }, await work());
      };
    },
  };
}

function smallPushes(client: string, push: typeof pushByPatch): Row {
  const names = Array.from({ length: 16 }, (_, at) => `bench/small-${client}-${at}`);
  return each(`small image push, ${client}`, 'push', async (server, round) => async () => {
    const { authorization } = await targetOf(server, names[0] as string, ...names.slice(1));
    return (connection, turn) =>
      pushImage(
        connection,
        { server, name: names[turn % names.length] as string, authorization },
        push,
        {
          config: smallBlob(1500),
          layers: [smallBlob(4096), smallBlob(16_384)],
          tag: `v${round()}-${turn}`,
        },
      );
  });
}

const mountedBlobs = 1000;
const mountsPerRepository = Array.from({ length: 20 }, (_, at) => at);

const mounts = each('mount', 'metadata', async (server, round) => {
  const source = await targetOf(server, 'bench/mount-source');
  const blobs = Array.from({ length: mountedBlobs }, () => smallBlob(64));
  const waiting = [...blobs];
  const connections = await Promise.all(Array.from({ length: 16 }, () => server.connect()));
  await Promise.all(
    connections.map(async (connection) => {
      for (let blob = waiting.pop(); blob !== undefined; blob = waiting.pop()) {
        await pushByPut(connection, source, blob);
      }
      connection.close();
    }),
  );
  return async () => {
    const names = mountsPerRepository.map((at) => `bench/mount-${round()}-${at}`);
    const { authorization } = await targetOf(server, 'bench/mount-source', ...names);
    return async (connection, turn) => {
      const name = names[Math.floor(turn / blobs.length) % names.length] as string;
      const { digest } = blobs[turn % blobs.length] as Blob;
      const path = `/v2/${name}/blobs/uploads/?mount=${digest}&from=bench/mount-source`;
      const target = { server, name, authorization };
      await demand(connection, head(target, 'POST', path, 'Content-Length: 0\r\n'), 201);
    };
  };
});

const tagPushes = each('tag push', 'metadata', async (server, round) => {
  const { manifest } = await withImage(server, 'bench/tagged');
  return async () => {
    const target = await targetOf(server, 'bench/tagged');
    return async (connection, turn) => {
      await demand(connection, manifestPut(target, `t${round()}-${turn}`, manifest), 201);
    };
  };
});

const oneTag = each('16 writers of one tag', 'metadata', async (server) => {
  const { manifest } = await withImage(server, 'bench/contended');
  // Sixteen manifests that differ, of the same blobs.
  const manifests = Array.from({ length: 16 }, (_, at) => {
    const bytes = Buffer.from(`${manifest.bytes}${' '.repeat(at)}`);
    return { bytes, digest: '' };
  });
  return async () => {
    const target = await targetOf(server, 'bench/contended');
    return async (connection, turn) => {
      await demand(connection, manifestPut(target, 'v1', manifests[turn % 16] as Blob), 201);
    };
  };
});

const listedTags = 10_000;

async function withManyTags(server: Server, name: string): Promise<void> {
  const { target, manifest } = await withImage(server, name);
  let next = 0;
  const connections = await Promise.all(Array.from({ length: 16 }, () => server.connect()));
  await Promise.all(
    connections.map(async (connection) => {
      while (next < listedTags) {
        next += 1;
        const tag = `tag-${String(next).padStart(6, '0')}`;
        await demand(connection, manifestPut(target, tag, manifest), 201);
      }
      connection.close();
    }),
  );
}

const wholeList = repeated('10,000 tags, whole', 'metadata', {
  connections: 8,
  request: async (server, name) => {
    await withManyTags(server, name);
    return ['GET', `/v2/${name}/tags/list?n=${listedTags + 1}`];
  },
});

/** docker-registry 2.8 knows no pages: it answers each with all tags. */
const pagedList = each('10,000 tags, a page of 100', 'metadata', async (server) => {
  const name = 'bench/paged';
  await withManyTags(server, name);
  return async () => {
    const target = await targetOf(server, name);
    return async (connection, turn) => {
      const last = `tag-${String((turn * 100) % (listedTags - 100)).padStart(6, '0')}`;
      const path = `/v2/${name}/tags/list?n=100&last=${last}`;
      await demand(connection, head(target, 'GET', path), 200);
    };
  };
});

function blobRow(size: number, unit: Row['unit'], connections: number): Row {
  const shown = size >= mebibyte ? `${size / mebibyte} MiB` : `${size / 1024} KiB`;
  return {
    name: `blob GET, ${shown}`,
    kind: 'bytes',
    unit,
    prepare: async (server) => {
      const name = `bench/blob-${size}`;
      const target = await targetOf(server, name);
      const connection = await server.connect();
      const small = smallBlob(Math.min(size, mebibyte));
      const layer = size >= mebibyte ? new Layer(size) : undefined;
      if (layer === undefined) await pushByPut(connection, target, small);
      else await pushLayer(connection, target, layer, 'containerd');
      connection.close();
      const path = `/v2/${name}/blobs/${layer?.digest ?? small.digest}`;
      return async (seconds) => {
        const request = Buffer.from(head(await targetOf(server, name), 'GET', path));
        const rate = await perSecond(server, { connections, seconds }, async (reader) => {
          await demand(reader, request, 200);
        });
        return unit === '/s' ? rate : (rate * size) / 1e6;
      };
    },
  };
}

function layerRow(
  name: string,
  options: { sequence: LayerSequence; size: number; atOnce: number },
): Row {
  const { sequence, size, atOnce } = options;
  return {
    name,
    kind: 'bytes',
    unit: 'MB/s',
    prepare: async (server) => async () => {
      const target = await targetOf(server, 'bench/layers');
      const layers = Array.from({ length: atOnce }, () => new Layer(size));
      const connections = await Promise.all(layers.map(() => server.connect()));
      const started = performance.now();
      await Promise.all(
        layers.map((layer, at) =>
          pushLayer(connections[at] as (typeof connections)[number], target, layer, sequence),
        ),
      );
      const seconds = (performance.now() - started) / 1000;
      for (const connection of connections) connection.close();
      return (size * atOnce) / 1e6 / seconds;
    },
  };
}

const oneLayer = { size: 512 * mebibyte, atOnce: 1 };

export const rows: readonly Row[] = [
  manifestRow('GET', 'tag'),
  manifestRow('GET', 'digest'),
  manifestRow('HEAD', 'tag'),
  manifestRow('HEAD', 'digest'),
  repeated('blob HEAD, there', 'metadata', {
    request: async (server, name) => {
      const { layer } = await withImage(server, name);
      return ['HEAD', `/v2/${name}/blobs/${layer.digest}`];
    },
  }),
  repeated('blob HEAD, not there', 'metadata', {
    status: 404,
    request: async (_, name) => ['HEAD', `/v2/${name}/blobs/${smallBlob(8).digest}`],
  }),
  mounts,
  tagPushes,
  oneTag,
  wholeList,
  pagedList,
  smallPushes('docker', pushByPatch),
  smallPushes('containerd', pushByPut),
  blobRow(4096, '/s', 32),
  blobRow(256 * mebibyte, 'MB/s', 1),
  layerRow('512 MiB layer, docker', { ...oneLayer, sequence: 'docker' }),
  layerRow('512 MiB layer, podman', { ...oneLayer, sequence: 'podman' }),
  layerRow('512 MiB layer, containerd', { ...oneLayer, sequence: 'containerd' }),
  layerRow('4 layers of 128 MiB at once, docker', {
    sequence: 'docker',
    size: 128 * mebibyte,
    atOnce: 4,
  }),
];
