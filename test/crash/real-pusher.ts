// A real client as a pusher: pushes images until the registry is killed, and keeps the ledger of what it was told.

import assert from 'node:assert/strict';
import type { RunningBerth } from '#test/support/berth.ts';
import type { Watch } from './killer.ts';
import { blobThing, type Ledger, manifestThing, tagThing } from './ledger.ts';
import { clientsProject } from './leftovers.ts';
import type { HeldImage, RealClient } from './real-clients.ts';

export class RealPusher {
  readonly client: RealClient;
  /** Pushes that a kill cut short after they had opened an upload. */
  cut = 0;
  readonly #repository: string;
  readonly #images: HeldImage[] = [];
  #pushes = 0;

  constructor(client: RealClient) {
    this.client = client;
    this.#repository = `${clientsProject}/${client.name}`;
  }

  /** Works until the registry is killed. */
  async work(berth: RunningBerth, ledger: Ledger, killer: Watch): Promise<void> {
    // The first push of a round is of the image at which the last round ended.
    for (; !killer.dead; this.#pushes += 1) {
      let opened = false;
      const forget = this.#seeUploads(berth, () => {
        opened = true;
        void killer.reach(this.client.phase);
      });
      const isDone = await this.#push(berth, ledger, `v${this.#pushes % 3}`);
      forget();
      assert.ok(isDone || killer.dead, `${this.client.name} failed, and nobody was killed`);
      if (!isDone && opened) this.cut += 1;
    }
  }

  /** Pushes the image at which the last round ended, once more: nothing that a kill left is in its way. */
  async again(berth: RunningBerth, ledger: Ledger): Promise<void> {
    assert.ok(await this.#push(berth, ledger, 'again'), this.client.name);
  }

  /** @returns whether the client says that it is done */
  async #push(berth: RunningBerth, ledger: Ledger, tag: string): Promise<boolean> {
    const number = Math.floor(this.#pushes / 2);
    const image = this.#images[number] ?? (await this.client.make(number));
    this.#images[number] = image;
    const { name } = this.client;
    const of = this.#repository;
    const pending = [
      ledger.begin(`push by ${name} of ${tag}`, [
        [manifestThing(of, image.digest), image.digest],
        [tagThing(of, tag), image.digest],
      ]),
      ...image.layers.map((layer) =>
        ledger.begin(`push by ${name} of ${layer}`, [[blobThing(of, layer), layer]]),
      ),
    ];
    const isDone = await this.client.push(berth, image, `${of}:${tag}`);
    if (isDone) for (const one of pending) one.acknowledge();
    return isDone;
  }

  /** The registry's log tells of each upload that the client opens: much of its push is still to come then. */
  #seeUploads({ process: { stderr } }: RunningBerth, see: () => void): () => void {
    const line = new RegExp(`"route":"end-4, end-11","name":"${this.#repository}","status":202`);
    const look = (text: string) => {
      if (line.test(text)) see();
    };
    stderr?.on('data', look);
    return () => stderr?.off('data', look);
  }
}
