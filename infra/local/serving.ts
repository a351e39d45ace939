// What a command that serves does around its serving: say where, go on until it is told to stop, and end.

import type { Settings } from './settings.ts';

/** @param stop called at SIGINT or SIGTERM; when it resolves nothing may be left to wait for, and so the process ends */
export function untilStopped(stop: () => Promise<void>): void {
  let stopping = false;
  const end = () => {
    // A second signal is from someone who does not want to wait.
    if (stopping) process.exit(1);
    stopping = true;
    // (process.exit can hang while V8 compiles.)
    stop().catch(() => process.exit(1));
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
}

/** Says that the registry is ready, and how to use it. Last: who reads this may send a signal. */
export function greet(
  { host, hosts }: Pick<Settings, 'host' | 'hosts'>,
  port: number,
  newPassword: string | undefined,
): void {
  // Docker takes `localhost` for a registry without TLS, as it takes 127.0.0.0/8.
  const address = `${host === '127.0.0.1' || host === '0.0.0.0' || host === '::' ? 'localhost' : host}:${port}`;
  // By another name it would be refused.
  const [name = address] = hosts.has(address) ? [] : hosts.keys();
  const lines = [
    `berth is ready on http://${address}`,
    `  docker login ${name} -u admin`,
    `  docker push ${name}/my-project/my-image`,
    ...(newPassword === undefined
      ? []
      : [`The password of admin, which is not shown again: ${newPassword}`]),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
