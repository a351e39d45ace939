// A Docker daemon of the tests' own: its data, its socket, and no hand on the machine's network.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endsWithTests } from '#test/support/ends-with-tests.ts';
import { attempt, type Client, clientOf, run } from './client.ts';

/** `docker` on this daemon, with logins of its own. */
export interface Docker extends Client {
  /** `docker` on this daemon, too, with other variables over its own: `DOCKER_CONFIG` has the logins. */
  with(variables: Readonly<Record<string, string>>): Client;
  stop(): Promise<void>;
}

const startsWithinSeconds = 60;

/**
 * Starts a daemon under a directory. Needs root.
 * @param variables are put over the tests' environment, for the daemon
 * @param more flags of the daemon
 * @throws Error when it does not answer within a minute
 */
export async function startDocker(
  directory: string,
  variables: Readonly<Record<string, string>> = {},
  more: readonly string[] = [],
): Promise<Docker> {
  await mkdir(join(directory, 'config'), { recursive: true });
  const log = await open(join(directory, 'log'), 'w');
  const daemon = spawn(
    'dockerd',
    [
      ['--data-root', join(directory, 'data')],
      ['--exec-root', join(directory, 'exec')],
      ['--pidfile', join(directory, 'pid')],
      ['--host', `unix://${directory}/socket`],
      ['--storage-driver', 'vfs'],
      // It would set up a bridge and firewall rules for all of the machine.
      ['--bridge=none', '--iptables=false', '--ip6tables=false'],
      ['--ip-forward=false', '--ip-masq=false'],
      more,
    ].flat(),
    { env: { ...process.env, ...variables }, stdio: ['ignore', log.fd, log.fd] },
  );
  // Not SIGKILL: it has a containerd of its own to end.
  endsWithTests(daemon, 'SIGTERM');
  const environment = {
    DOCKER_HOST: `unix://${directory}/socket`,
    DOCKER_CONFIG: join(directory, 'config'),
    // Debian's docker builds with the daemon's own builder: the other is a plugin that it does not bring.
    DOCKER_BUILDKIT: '0',
  };
  const docker = Object.assign(clientOf('docker', [], environment), {
    with: (more: Readonly<Record<string, string>>) =>
      clientOf('docker', [], { ...environment, ...more }),
    stop: async () => {
      if (daemon.exitCode === null && daemon.signalCode === null) {
        daemon.kill('SIGTERM');
        await once(daemon, 'exit');
      }
      // It leaves its data mounted where mounts have other paths than their own, as in a container.
      await attempt('umount', [join(directory, 'data')]);
      await log.close();
    },
  });
  for (let tries = 0; tries < startsWithinSeconds * 5; tries += 1) {
    if ((await docker.attempt(['info'])).ok) return docker;
    if (daemon.exitCode !== null) break;
    await sleep(200);
  }
  await docker.stop();
  throw new Error(`dockerd did not start: ${await run('tail', ['-20', join(directory, 'log')])}`);
}
