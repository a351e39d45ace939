// Each client as one that pushes an image of its own making and pulls any other.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDockerArchive, writeImage, writeIndex } from '#test/support/images.ts';
import { digestOf } from '#test/support/manifests.ts';
import { type Client, type Scratch, unlessInstalled, unlessRoot } from './client.ts';
import { startContainerd } from './containerd.ts';
import { startDocker } from './dockerd.ts';
import { architectures, buildahIn, podmanIn, pushIndexOf } from './podman.ts';
import { skopeoIn } from './skopeo.ts';

/** A registry, as clients are told of it. */
export interface Reached {
  /** Address and port. */
  readonly host: string;
  /** The admin's. */
  readonly password: string;
  /** Where it speaks TLS: a directory with the certificate `ca.crt` of the authority behind its own, and nothing else. */
  readonly trusted?: string;
}

export interface CrossingClient {
  readonly name: string;
  /** Why it is left out. */
  readonly skip: string | false;
  /** Called once, before it pushes or pulls. It logs in, where the client keeps logins. */
  start(space: Scratch, registry: Reached): Promise<void>;
  /** What it can make beside an image. */
  readonly makes: readonly Made[];
  /** The digest that it has an index by, once pulled: the index's own, or that of the machine's image in it. */
  readonly hasIndexBy: 'index' | 'image';
  /** Makes something and pushes it, with all that it names. @returns the digest that the client told */
  push(image: string, made?: Made): Promise<string>;
  /** Pulls an image. @returns the digest that the client then has it by */
  pull(image: string, as?: 'nobody'): Promise<string>;
}

/** An index of images for two architectures, or an image whose layers are compressed by zstd. */
export type Made = 'index' | 'zstd';

type Started = Pick<CrossingClient, 'push' | 'pull'>;

/** A client that is there once it is started. */
function crossing(
  name: string,
  skip: string | false,
  { makes = [], hasIndexBy }: Pick<CrossingClient, 'hasIndexBy'> & Partial<CrossingClient>,
  start: (directory: string, space: Scratch, registry: Reached) => Promise<Started>,
): CrossingClient {
  let started: Started | undefined;
  const client = () => {
    if (started === undefined) throw new Error(`${name} has not started`);
    return started;
  };
  return {
    name,
    skip,
    start: async (space, registry) => {
      const directory = join(space.path, name);
      await mkdir(directory);
      started = await start(directory, space, registry);
    },
    makes,
    hasIndexBy,
    push: (image, made) => client().push(image, made),
    pull: (image, as) => client().pull(image, as),
  };
}

/** Few bytes: what is compared are digests. The name is the seed, so that no two images share a layer. */
const optionsOf = (image: string) => ({ seed: image, layers: 2, bytesPerLayer: 2000 });

const docker = crossing(
  'docker',
  unlessRoot('dockerd') || unlessInstalled('dockerd', 'docker'),
  { hasIndexBy: 'index' },
  async (directory, space, registry) => {
    const { trusted } = registry;
    // Beside what the system trusts, which it has no need of.
    const trust = trusted === undefined ? {} : { SSL_CERT_FILE: join(trusted, 'ca.crt') };
    const client = await startDocker(directory, trust);
    space.after(() => client.stop());
    await login(client, registry);
    return {
      push: async (image) => {
        const archive = join(directory, 'archive.tar');
        await writeDockerArchive(archive, image, optionsOf(image));
        await client('load', '--input', archive);
        return digestIn(await client('push', image));
      },
      pull: async (image, as) => {
        const logins = as === 'nobody' ? ['--config', join(directory, 'nobody')] : [];
        return digestIn(await client(...logins, 'pull', image));
      },
    };
  },
);

const skopeo = crossing(
  'skopeo',
  unlessInstalled('skopeo'),
  { makes: ['index', 'zstd'], hasIndexBy: 'image' },
  async (directory, _space, registry) => {
    const client = skopeoIn(directory);
    await login(client, registry, ...trustFlags(registry));
    const [layout, archive] = [join(directory, 'layout'), join(directory, 'archive.tar')];
    const copy = (from: string, image: string, ...more: string[]) =>
      client('copy', ...trustFlags(registry, 'dest-'), ...more, from, `docker://${image}`);
    return {
      push: async (image, made) => {
        if (made === 'zstd') {
          await writeDockerArchive(archive, image, optionsOf(image));
          const told = join(directory, 'digest');
          const format = ['--format', 'oci', '--dest-compress-format', 'zstd'];
          await copy(`docker-archive:${archive}`, image, ...format, '--digestfile', told);
          return await readFile(told, 'utf8');
        }
        const write = made === 'index' ? writeIndex : writeImage;
        const { digest } = await write(layout, optionsOf(image));
        await copy(`oci:${layout}:latest`, image, '--all');
        return digest;
      },
      pull: async (image, as) => {
        const to = join(directory, 'pulled');
        const logins = as === 'nobody' ? ['--src-no-creds'] : [];
        const trust = trustFlags(registry, 'src-');
        await client('copy', ...trust, ...logins, `docker://${image}`, `dir:${to}`);
        return digestOf(await readFile(join(to, 'manifest.json')));
      },
    };
  },
);

const podman = crossing(
  'podman',
  unlessRoot('podman') || unlessInstalled('podman'),
  { makes: ['index'], hasIndexBy: 'index' },
  async (directory, _space, registry) => {
    const client = await podmanIn(directory);
    const make = async (image: string) => {
      const archive = join(directory, 'archive.tar');
      await writeDockerArchive(archive, image, optionsOf(image));
      await client('load', '--input', archive);
    };
    const { push, pull } = await storing(client, directory, registry, make);
    return {
      push,
      pull: async (image, as) => {
        await pull(image, as);
        return digestIn(await client('image', 'inspect', '--format', '{{.Digest}}', image));
      },
    };
  },
);

const buildah = crossing(
  'buildah',
  unlessRoot('buildah') || unlessInstalled('buildah'),
  { makes: ['index'], hasIndexBy: 'image' },
  async (directory, _space, registry) => {
    const client = await buildahIn(directory);
    const make = async (image: string) => {
      await writeFile(join(directory, 'file'), `the file of ${image}`);
      const container = (await client('from', 'scratch')).trim();
      await client('copy', container, join(directory, 'file'), '/file');
      await client('commit', '--rm', container, image);
    };
    const { push, pull } = await storing(client, directory, registry, make);
    return {
      push,
      pull: async (image, as) => {
        await pull(image, as);
        const format = ['--type', 'image', '--format', '{{.FromImageDigest}}'];
        return digestIn(await client('inspect', ...format, image));
      },
    };
  },
);

const containerd = crossing(
  'containerd',
  unlessRoot('containerd') || unlessInstalled('containerd', 'ctr'),
  { hasIndexBy: 'index' },
  async (directory, space, registry) => {
    const client = await startContainerd(directory);
    space.after(() => client.stop());
    const transport = await containerdTransport(directory, registry);
    const user = ['--user', `admin:${registry.password}`];
    return {
      push: async (image) => {
        const archive = join(directory, 'archive.tar');
        await writeDockerArchive(archive, image, optionsOf(image));
        await client('images', 'import', archive);
        await client('images', 'push', ...transport, ...user, image);
        return client.digest(image);
      },
      pull: async (image, as) => {
        const asked = as === 'nobody' ? [] : user;
        await client('images', 'pull', ...transport, ...asked, image);
        return client.digest(image);
      },
    };
  },
);

/** How podman and buildah push and pull alike. @param make makes an image that the client holds */
async function storing(
  client: Client,
  directory: string,
  registry: Reached,
  make: (image: string) => Promise<void>,
) {
  const trust = trustFlags(registry);
  await login(client, registry, ...trust);
  const [digestFile, nobody] = [join(directory, 'digest'), join(directory, 'nobody.json')];
  await writeFile(nobody, '{}');
  const pushImage = async (image: string) => {
    await make(image);
    await client('push', ...trust, '--digestfile', digestFile, image);
    return await readFile(digestFile, 'utf8');
  };
  return {
    push: async (image: string, made?: Made) => {
      if (made === undefined) return pushImage(image);
      const images = architectures.map((architecture) => `${image}-${architecture}`);
      for (const one of images) await pushImage(one);
      return pushIndexOf(client, { images, index: image, digestFile, trust });
    },
    pull: async (image: string, as?: 'nobody') => {
      const logins = as === 'nobody' ? ['--authfile', nobody] : [];
      await client('pull', ...trust, ...logins, image);
    },
  };
}

/** What podman, buildah and skopeo are told of TLS. @param side skopeo's, which copies from and to */
function trustFlags({ trusted }: Reached, side = ''): string[] {
  return trusted === undefined
    ? [`--${side}tls-verify=false`]
    : [`--${side}tls-verify=true`, `--${side}cert-dir`, trusted];
}

/** What ctr is told of it: a directory with a file for each registry, as containerd itself reads them. */
async function containerdTransport(
  directory: string,
  { host, trusted }: Reached,
): Promise<readonly string[]> {
  if (trusted === undefined) return ['--plain-http'];
  const hosts = join(directory, 'hosts');
  await mkdir(join(hosts, host), { recursive: true });
  await writeFile(
    join(hosts, host, 'hosts.toml'),
    `server = "https://${host}"\n[host."https://${host}"]\n  ca = "${join(trusted, 'ca.crt')}"\n`,
  );
  return ['--hosts-dir', hosts];
}

async function login(client: Client, registry: Reached, ...more: string[]): Promise<void> {
  const { ok, stderr } = await client.attempt(
    ['login', ...more, '-u', 'admin', '--password-stdin', registry.host],
    registry.password,
  );
  if (!ok) throw new Error(stderr);
}

/** The one digest in what a client printed. */
function digestIn(printed: string): string {
  const digests = [...new Set(printed.match(/sha256:[0-9a-f]{64}/g))];
  const [digest] = digests;
  if (digest === undefined || digests.length > 1) throw new Error(`not one digest: ${printed}`);
  return digest;
}

export const crossingClients: readonly CrossingClient[] = [
  docker,
  skopeo,
  podman,
  buildah,
  containerd,
];
