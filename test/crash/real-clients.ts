// The real clients that push while the registry is killed: skopeo in PATCHes, containerd in whole PUTs.

import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { attempt, unlessInstalled, unlessRoot } from '#test/clients/client.ts';
import { startContainerd } from '#test/clients/containerd.ts';
import type { RunningBerth } from '#test/support/berth.ts';
import { writeDockerArchive, writeImage } from '#test/support/images.ts';
import type { Phase } from './killer.ts';

/** An image that a client can push. */
export interface HeldImage {
  /** What the client calls it. */
  readonly source: string;
  readonly digest: string;
  readonly layers: readonly string[];
}

export interface RealClient {
  readonly name: string;
  /** A push of it is under way. */
  readonly phase: Phase;
  /** Makes an image: the same number makes the same image. */
  make(number: number): Promise<HeldImage>;
  /** Pushes it to a repository and tag. @returns whether the client says that it is done, before the registry has ended */
  push(berth: RunningBerth, image: HeldImage, to: string): Promise<boolean>;
  stop(): Promise<void>;
}

/** Each with why it is left out, as node:test's `skip`, and how it is started at a directory of its own. */
export const realClients: readonly {
  readonly phase: Phase;
  readonly skip: string | false;
  start(directory: string): Promise<RealClient>;
}[] = [
  { phase: 'skopeo copy', skip: unlessInstalled('skopeo'), start: startSkopeo },
  {
    phase: 'ctr push',
    skip: unlessRoot('containerd') || unlessInstalled('containerd', 'ctr'),
    start: startCtr,
  },
];

const optionsOf = (seed: string) => ({ seed, layers: 3, bytesPerLayer: 300_000 });

async function startSkopeo(directory: string): Promise<RealClient> {
  return {
    name: 'skopeo',
    phase: 'skopeo copy',
    make: async (number) => {
      const layout = join(directory, String(number));
      const image = await writeImage(layout, optionsOf(`skopeo ${number}`));
      return { ...image, source: `oci:${layout}:latest` };
    },
    push: async (berth, { source }, to) => {
      const { ok } = await attempt('skopeo', [
        'copy',
        '--dest-tls-verify=false',
        `--dest-creds=admin:${berth.password}`,
        source,
        `docker://${berth.host}/${to}`,
      ]);
      return ok;
    },
    stop: async () => undefined,
  };
}

async function startCtr(directory: string): Promise<RealClient> {
  await mkdir(directory, { recursive: true });
  const ctr = await startContainerd(join(directory, 'containerd'));
  return {
    name: 'ctr',
    phase: 'ctr push',
    make: async (number) => {
      const [archive, source] = [join(directory, 'archive.tar'), `docker.io/crash/ctr:${number}`];
      await writeDockerArchive(archive, source, optionsOf(`ctr ${number}`));
      await ctr('images', 'import', archive);
      const digest = await ctr.digest(source);
      const { layers }: { layers: { digest: string }[] } = JSON.parse(
        String(await ctr.content(digest)),
      );
      return { source, digest, layers: layers.map((layer) => layer.digest) };
    },
    push: async (berth, { source }, to) => {
      // containerd 1.6 may wait forever for a registry that has gone.
      const gone = new AbortController();
      once(berth.process, 'exit').then(() => gone.abort());
      const user = ['--plain-http', '--user', `admin:${berth.password}`];
      const pushed = ['images', 'push', ...user, `${berth.host}/${to}`, source];
      const { ok } = await ctr.attempt(pushed, '', gone.signal);
      return ok;
    },
    stop: () => ctr.stop(),
  };
}
