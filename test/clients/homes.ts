// Clients at home: each with logins of its own, in a file in Docker's format, and an image to push.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Acquaintances, Login } from './acquaintances.ts';
import { type Client, type Scratch, unlessInstalled, unlessRoot } from './client.ts';
import { startDocker } from './dockerd.ts';
import { podmanIn } from './podman.ts';
import { skopeoIn } from './skopeo.ts';

/** A client with a file of logins. What the registry refuses is thrown, in the client's words. */
export interface Home {
  /** Holds the file with the logins, `config.json`. */
  readonly directory: string;
  /** Gives the password on standard input. */
  login(login: Login): Promise<void>;
  logout(): Promise<void>;
  /** Pushes the image that it has, under a name of the registry's. */
  push(image: string): Promise<void>;
  pull(image: string): Promise<void>;
}

export const clients = ['docker', 'podman', 'skopeo'] as const;
export type ClientName = (typeof clients)[number];

/** Why a client's suite is left out, as node:test's `skip`. */
export const skips: Readonly<Record<ClientName, string | false>> = {
  docker: unlessRoot('dockerd') || unlessInstalled('dockerd', 'docker'),
  podman: unlessRoot('podman') || unlessInstalled('podman'),
  skopeo: false,
};

/** Makes another home, without a login. @param environment of the client, and of the helpers that it runs */
export type NewHome = (environment?: Readonly<Record<string, string>>) => Promise<Home>;

/** Starts what a client needs, in a directory. */
export async function settle(
  client: ClientName,
  { name, layout }: Acquaintances,
  space: Scratch,
): Promise<NewHome> {
  const place = join(space.path, client);
  await mkdir(place, { recursive: true });
  let homes = 0;
  const newHome = async () => {
    homes += 1;
    const directory = join(place, `home-${homes}`);
    await mkdir(directory);
    await writeFile(join(directory, 'config.json'), '{}');
    return directory;
  };
  /** An image that anyone may have. */
  const open = name('open/app:v1');
  switch (client) {
    case 'docker': {
      const docker = await startDocker(place);
      space.after(() => docker.stop());
      await docker('pull', open);
      return async (environment = {}) => {
        const directory = await newHome();
        const run = docker.with({ HOME: directory, DOCKER_CONFIG: directory, ...environment });
        return {
          ...{ directory, ...logins(run, name(''), []) },
          push: async (image) => {
            await run('tag', open, name(image));
            await run('push', name(image));
          },
          pull: async (image) => {
            await run('pull', name(image));
          },
        };
      };
    }
    case 'podman': {
      const podman = await podmanIn(place);
      await podman('pull', insecure, open);
      return async (environment = {}) => {
        const directory = await newHome();
        const logged = { REGISTRY_AUTH_FILE: join(directory, 'config.json'), ...environment };
        const run = await podmanIn(place, logged);
        return {
          ...{ directory, ...logins(run, name(''), [insecure]) },
          push: async (image) => {
            await run('push', insecure, open, name(image));
          },
          pull: async (image) => {
            await run('pull', insecure, name(image));
          },
        };
      };
    }
    case 'skopeo':
      return async (environment = {}) => {
        const directory = await newHome();
        const logged = { REGISTRY_AUTH_FILE: join(directory, 'config.json'), ...environment };
        const run = skopeoIn(directory, logged);
        let pulled = 0;
        return {
          ...{ directory, ...logins(run, name(''), [insecure]) },
          push: async (image) => {
            await run('copy', `--dest-${tls}`, `oci:${layout}:latest`, `docker://${name(image)}`);
          },
          pull: async (image) => {
            pulled += 1;
            const to = `dir:${join(directory, `pulled-${pulled}`)}`;
            await run('copy', `--src-${tls}`, `docker://${name(image)}`, to);
          },
        };
      };
  }
}

const tls = 'tls-verify=false';
const insecure = `--${tls}`;

function logins(
  client: Client,
  registry: string,
  flags: readonly string[],
): Pick<Home, 'login' | 'logout'> {
  const host = registry.replace(/\/$/, '');
  return {
    login: async ({ username, password }) => {
      const asked = ['login', ...flags, '--username', username, '--password-stdin', host];
      const { ok, stdout, stderr } = await client.attempt(asked, password);
      if (!ok) throw new Error(`${stderr}${stdout}`);
    },
    logout: async () => {
      await client('logout', host);
    },
  };
}
