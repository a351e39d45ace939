// podman and buildah with a storage of their own, apart from each other's and from the machine's.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Client, clientOf } from './client.ts';

/** podman at a directory. Needs root. */
export function podmanIn(directory: string): Promise<Client> {
  return storing('podman', directory);
}

/** buildah at a directory. Needs root. */
export function buildahIn(directory: string): Promise<Client> {
  return storing('buildah', directory);
}

async function storing(command: string, directory: string): Promise<Client> {
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
  });
}
