// skopeo as a pusher: copies images until the registry is killed, and keeps the ledger of what it was told.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { attempt } from '#test/clients/client.ts';
import type { RunningBerth } from '#test/support/berth.ts';
import { type MadeImage, writeImage } from '#test/support/images.ts';
import type { Watch } from './killer.ts';
import { blobThing, type Ledger, manifestThing, tagThing } from './ledger.ts';
import { skopeoProject } from './leftovers.ts';

const repository = `${skopeoProject}/image`;

interface Layout extends MadeImage {
  readonly path: string;
}

export class SkopeoPusher {
  readonly #directory: string;
  readonly #layouts: Layout[] = [];
  #copies = 0;

  /** @param directory where it may put its images */
  constructor(directory: string) {
    this.#directory = directory;
  }

  async work(berth: RunningBerth, ledger: Ledger, killer: Watch): Promise<void> {
    // The first copy of a round is of the image at which the last round ended.
    for (; !killer.dead; this.#copies += 1) {
      const layout = await this.#layout(Math.floor(this.#copies / 2));
      const isDone = await copy(berth, ledger, layout, `v${this.#copies % 3}`);
      assert.ok(isDone || killer.dead, 'skopeo failed, and nobody was killed');
    }
  }

  /** Copies the image at which the last round ended, once more: nothing that a kill left is in its way. */
  async again(berth: RunningBerth, ledger: Ledger): Promise<void> {
    const layout = await this.#layout(Math.floor(this.#copies / 2));
    assert.ok(await copy(berth, ledger, layout, 'again'));
  }

  async #layout(number: number): Promise<Layout> {
    const known = this.#layouts[number];
    if (known !== undefined) return known;
    const path = join(this.#directory, String(number));
    const bytesPerLayer = 300_000;
    const image = await writeImage(path, { seed: `skopeo ${number}`, layers: 3, bytesPerLayer });
    const layout = { ...image, path };
    this.#layouts[number] = layout;
    return layout;
  }
}

/** @returns whether skopeo says that it is done */
async function copy(
  berth: RunningBerth,
  ledger: Ledger,
  { path, digest, layers }: Layout,
  tag: string,
): Promise<boolean> {
  const pending = [
    ledger.begin(`skopeo copy to ${tag}`, [
      [manifestThing(repository, digest), digest],
      [tagThing(repository, tag), digest],
    ]),
    ...layers.map((layer) =>
      ledger.begin(`skopeo copy of ${layer}`, [[blobThing(repository, layer), layer]]),
    ),
  ];
  const { ok } = await attempt('skopeo', [
    'copy',
    '--dest-tls-verify=false',
    `--dest-creds=admin:${berth.password}`,
    `oci:${path}:latest`,
    `docker://${berth.host}/${repository}:${tag}`,
  ]);
  if (ok) for (const one of pending) one.acknowledge();
  return ok;
}
