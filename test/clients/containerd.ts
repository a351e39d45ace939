// A containerd of the tests' own, and `ctr` to speak to it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endsWithTests } from '#test/support/ends-with-tests.ts';
import { attempt, type Client, clientOf, run } from './client.ts';

/** `ctr` on this daemon. It keeps no logins: each call says its `--user`, or none. */
export interface Containerd extends Client {
  /** The bytes that the daemon holds under a digest. */
  content(digest: string): Promise<Buffer>;
  /** The digest that an image has in the daemon. */
  digest(image: string): Promise<string>;
  stop(): Promise<void>;
}

const startsWithinSeconds = 60;

/** Starts a daemon under a directory. Needs root. @throws Error when it does not answer within a minute */
export async function startContainerd(directory: string): Promise<Containerd> {
  await mkdir(directory, { recursive: true });
  const [configuration, socket] = [join(directory, 'config.toml'), join(directory, 'socket')];
  // Left out is what would reach beyond the directory: Kubernetes, and what is installed into /opt.
  await writeFile(
    configuration,
    `version = 2
root = "${join(directory, 'root')}"
state = "${join(directory, 'state')}"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "${socket}"
`,
  );
  const log = await open(join(directory, 'log'), 'w');
  const daemon = spawn('containerd', ['--config', configuration], {
    stdio: ['ignore', log.fd, log.fd],
  });
  endsWithTests(daemon, 'SIGTERM');
  const flags = ['--address', socket];
  // The other snapshotters need what not every file system and kernel has.
  const ctr = clientOf('ctr', flags, { CONTAINERD_SNAPSHOTTER: 'native' });
  const containerd = Object.assign(ctr, {
    content: async (digest: string) => {
      const parameters = [...flags, 'content', 'get', digest];
      return Buffer.from(await run('ctr', parameters, { encoding: 'latin1' }), 'latin1');
    },
    digest: async (image: string) => {
      const listed = await ctr('images', 'list', `name==${image}`);
      const [digest = ''] = /sha256:[0-9a-f]{64}/.exec(listed) ?? [];
      return digest;
    },
    stop: async () => {
      if (daemon.exitCode === null && daemon.signalCode === null) {
        daemon.kill('SIGTERM');
        await once(daemon, 'exit');
      }
      await log.close();
    },
  });
  for (let tries = 0; tries < startsWithinSeconds * 10; tries += 1) {
    if ((await attempt('ctr', [...flags, 'version'])).ok) return containerd;
    if (daemon.exitCode !== null) break;
    await sleep(100);
  }
  await containerd.stop();
  const said = await run('tail', ['-20', join(directory, 'log')]);
  throw new Error(`containerd did not start: ${said}`);
}
