// podman and buildah with a storage of their own, apart from each other's and from the machine's.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Client, clientOf } from './client.ts';

/** podman at a directory. Needs root. @param environment is put over what it has there */
export function podmanIn(
  directory: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Client> {
  return storing('podman', directory, environment);
}

/** buildah at a directory. Needs root. */
export function buildahIn(directory: string): Promise<Client> {
  return storing('buildah', directory, {});
}

/** What an index of the tests' has images for, in this order. */
export const architectures = ['amd64', 'arm64'];

/**
 * Makes an index of images that are in the registry, and pushes it: podman or buildah.
 * @param options.images one for each of {@link architectures}
 * @returns the index's digest, as the client told it in `digestFile`
 */
export async function pushIndexOf(
  client: Client,
  options: {
    readonly images: readonly string[];
    readonly index: string;
    readonly digestFile: string;
    /** What it is told of TLS; of none, when left out. */
    readonly trust?: readonly string[];
  },
): Promise<string> {
  const { images, index, digestFile, trust = ['--tls-verify=false'] } = options;
  const list = `list-of-${images.join('-').replace(/\W/g, '-')}`;
  await client('manifest', 'create', list);
  for (const [at, image] of images.entries()) {
    const added = ['--arch', architectures[at] ?? '', list, `docker://${image}`];
    await client('manifest', 'add', ...trust, ...added);
  }
  const told = ['--digestfile', digestFile];
  await client('manifest', 'push', '--all', ...trust, ...told, list, `docker://${index}`);
  return await readFile(digestFile, 'utf8');
}

async function storing(
  command: string,
  directory: string,
  environment: Readonly<Record<string, string>>,
): Promise<Client> {
  await mkdir(directory, { recursive: true });
  const logins = join(directory, 'auth.json');
  // buildah and podman want the file to be there before the first login.
  await writeFile(logins, '{}');
  const configuration = join(directory, 'containers.conf');
  // What has no flag: locks, events and networks would lie in places that all of the machine's podman share.
  await writeFile(
    configuration,
    `[engine]
lock_type = "file"
events_logger = "none"
cgroup_manager = "cgroupfs"
tmp_dir = "${join(directory, 'tmp')}"
volume_path = "${join(directory, 'volumes')}"
[network]
network_config_dir = "${join(directory, 'networks')}"
`,
  );
  const flags = [
    ['--root', join(directory, 'root')],
    ['--runroot', join(directory, 'run')],
    ['--storage-driver', 'vfs'],
  ];
  return clientOf(command, flags.flat(), {
    HOME: directory,
    CONTAINERS_CONF: configuration,
    REGISTRY_AUTH_FILE: logins,
    ...environment,
  });
}
