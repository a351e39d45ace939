// A pusher: lives through every round, does one thing after another until the registry is killed, and begins the
// next life of the registry with what it was doing.

import assert from 'node:assert/strict';
import { artifact, type Content, imageIndex, type Manifest } from '#test/support/manifests.ts';
import { Chance } from './chance.ts';
import { deleteBlob, deleteManifest, deleteTag, mountBlob, putManifest } from './changes.ts';
import { type Client, Killed } from './client.ts';
import type { Phase } from './killer.ts';
import { blobThing, partsOf } from './ledger.ts';
import { Maker } from './maker.ts';
import { cancel, finish, patchSome, receivedBy, type Uploads } from './uploads.ts';

/** What all pushers share. */
export interface World {
  readonly uploads: Uploads;
  /** Layers that many images have in common. */
  readonly base: readonly Content[];
  /** `repository subject` → the manifests that named it as their subject. */
  readonly referrers: Map<string, Set<string>>;
}

/** Where all pushers move the same tags. */
export const sharedRepository = 'demo/shared';
const sharedTags = ['latest', 'stable'];

type Job = (client: Client) => Promise<void>;
type JobName = 'image' | 'index' | 'large' | 'artifact' | 'move' | 'share' | Deletion | Lingering;
type Deletion = 'delete tag' | 'delete manifest' | 'delete blob';
type Lingering = 'linger' | 'resume' | 'cancel';

/** What a pusher does mostly while a phase is waited for. */
const jobsWith: Partial<Record<Phase, JobName>> = {
  mount: 'share',
  'large manifest PUT': 'large',
  'index PUT': 'index',
  'tag move': 'move',
  'DELETE of a tag': 'delete tag',
  'DELETE of a manifest': 'delete manifest',
  'DELETE of a blob': 'delete blob',
  'DELETE of a session': 'cancel',
};
const jobNames: readonly JobName[] = [
  ...(['image', 'image', 'image', 'index', 'large', 'artifact', 'move', 'share'] as const),
  ...(['delete tag', 'delete manifest', 'delete blob', 'linger', 'resume', 'cancel'] as const),
];

export class Pusher {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #maker: Maker;
  readonly #repository: string;
  /** Manifests of the own repository that are surely there and that nothing but tags point at. */
  #shelf: Manifest[] = [];
  #unfinished: Job | undefined;

  constructor(world: World, seed: string, number: number) {
    this.#world = world;
    this.#chance = new Chance(`${seed} pusher ${number}`);
    this.#maker = new Maker(`${seed} pusher ${number}`, this.#chance, world.base);
    this.#repository = number % 2 === 0 ? `demo/pusher-${number}` : `other/pusher-${number}`;
  }

  /** Works until the registry is killed. @returns how many things it has done */
  async work(client: Client, phase: Phase | undefined): Promise<number> {
    let done = 0;
    try {
      for (; ; done += 1) {
        // Again, from its beginning: with the very same blobs.
        const job = this.#unfinished ?? this.#plan(phase);
        this.#unfinished = job;
        await job(client);
        this.#unfinished = undefined;
      }
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      return done;
    }
  }

  /** Ends what was begun: the push that a kill cut short, and every upload that was left open. */
  async finishAll(client: Client): Promise<void> {
    await this.#unfinished?.(client);
    for (const session of this.#world.uploads.openOf(this.#repository)) {
      await finish(client, session);
    }
  }

  #plan(phase: Phase | undefined): Job {
    const wanted = phase === undefined ? undefined : jobsWith[phase];
    const name =
      wanted !== undefined && this.#chance.happens(0.4) ? wanted : this.#chance.of(jobNames);
    return this.#job(name);
  }

  #job(name: JobName): Job {
    if (name === 'image') return this.#pushImage();
    if (name === 'index') return this.#pushIndex();
    if (name === 'large') return this.#pushLarge();
    // What follows depends on what is there by then, and is thought of anew in the next round.
    return (client) => {
      this.#unfinished = undefined;
      return this.#change(name, client);
    };
  }

  async #change(
    name: Exclude<JobName, 'image' | 'index' | 'large'>,
    client: Client,
  ): Promise<void> {
    if (name === 'linger') return this.#linger(client);
    if (name === 'resume') return this.#resume(client);
    if (name === 'cancel') return this.#cancel(client);
    if (name === 'delete blob') return this.#deleteBlob(client);
    const manifest = this.#shelf.length === 0 ? undefined : this.#chance.of(this.#shelf);
    if (manifest === undefined) return this.#pushImage()(client);
    if (name === 'artifact') return this.#pushArtifact(client, manifest);
    if (name === 'move') return this.#put(client, manifest, [`moved-${this.#chance.whole(1, 3)}`]);
    if (name === 'share') return this.#share(client, manifest);
    if (name === 'delete tag') return this.#deleteTag(client, manifest);
    return this.#deleteManifest(client, manifest);
  }

  #pushImage(): Job {
    const image = this.#maker.image(this.#chance.whole(1, 3));
    const tag = `v${this.#chance.whole(1, 20)}`;
    const tags = this.#chance.happens(0.3) ? [tag, `also-${tag}`] : [tag];
    return async (client) => {
      await this.#pushBlobs(client, image);
      await this.#put(client, image, tags);
      this.#shelve(image);
    };
  }

  #pushIndex(): Job {
    const children = [this.#maker.image(1), this.#maker.image(1)];
    const index = imageIndex(children);
    return async (client) => {
      for (const child of children) {
        await this.#pushBlobs(client, child);
        await this.#put(client, child, []);
      }
      await this.#put(client, index, [`index-${this.#chance.whole(1, 5)}`], 'index PUT');
      this.#shelve(index);
    };
  }

  #pushLarge(): Job {
    const image = this.#maker.largeImage();
    return async (client) => {
      await this.#pushBlobs(client, image);
      await this.#put(client, image, ['large'], 'large manifest PUT');
      this.#shelve(image);
    };
  }

  async #pushArtifact(client: Client, subject: Manifest): Promise<void> {
    const signature = artifact('application/vnd.example.signature', { subject });
    const of = `${this.#repository} ${subject.digest}`;
    const known = this.#world.referrers.get(of) ?? new Set();
    this.#world.referrers.set(of, known.add(signature.digest));
    await this.#pushBlobs(client, signature);
    await this.#put(client, signature, []);
  }

  async #pushBlobs(client: Client, { blobs }: Manifest): Promise<void> {
    for (const blob of blobs) {
      const head = await client.ask({
        method: 'HEAD',
        path: `/v2/${this.#repository}/blobs/${blob.digest}`,
        expect: [200, 404],
      });
      const known = client.ledger.certain(blobThing(this.#repository, blob.digest)) !== undefined;
      assert.equal(head.status === 200, known, `HEAD of ${blob.digest} in ${this.#repository}`);
      // Clients leave out what is there. Some push it all the same.
      if (known && this.#chance.happens(0.7)) continue;
      if (await this.#mounted(client, blob)) continue;
      await this.#world.uploads.push(client, this.#repository, blob, this.#chance);
    }
  }

  /** Mounts a blob from another repository that surely holds it. */
  async #mounted(client: Client, blob: Content): Promise<boolean> {
    const sources = client.ledger
      .things()
      .filter((thing) => thing.startsWith('blob ') && thing.endsWith(blob.digest))
      .filter((thing) => client.ledger.certain(thing) !== undefined)
      .map((thing) => partsOf(thing).repository);
    if (sources.length === 0 || this.#chance.happens(0.4)) return false;
    await mountBlob(client, blob.digest, this.#chance.of(sources), this.#repository);
    return true;
  }

  #put(client: Client, manifest: Content, tags: readonly string[], phase?: Phase): Promise<void> {
    return putManifest(client, this.#repository, manifest, { tags, phase });
  }

  /** Pushes an image to where all the others push, and moves a tag that they move too. */
  async #share(client: Client, { blobs, children, ...manifest }: Manifest): Promise<void> {
    // An index would need its children first.
    if (children.length > 0) return;
    for (const { digest } of blobs) {
      await mountBlob(client, digest, this.#repository, sharedRepository);
    }
    const tag = this.#chance.of(sharedTags);
    await putManifest(client, sharedRepository, manifest, { tags: [tag], phase: 'tag move' });
    if (this.#chance.happens(0.7)) return;
    // Another may have deleted it meanwhile.
    await deleteTag(client, sharedRepository, tag, [202, 404]);
  }

  async #deleteTag(client: Client, manifest: Manifest): Promise<void> {
    await this.#put(client, manifest, ['doomed']);
    await deleteTag(client, this.#repository, 'doomed');
  }

  /** Deletes a manifest with its tags, and at times pushes it again. */
  async #deleteManifest(client: Client, manifest: Manifest): Promise<void> {
    this.#shelf = this.#shelf.filter((other) => other !== manifest);
    await deleteManifest(client, this.#repository, manifest.digest);
    if (this.#chance.happens(0.5)) return;
    await this.#put(client, manifest, ['again']);
    this.#shelve(manifest);
  }

  async #deleteBlob(client: Client): Promise<void> {
    const blob = this.#maker.layer();
    await this.#world.uploads.push(client, this.#repository, blob, this.#chance);
    await deleteBlob(client, this.#repository, blob.digest);
  }

  /** Begins an upload and leaves it open. */
  async #linger(client: Client): Promise<void> {
    const session = await this.#world.uploads.open(client, this.#repository, this.#maker.layer());
    await patchSome(client, session, this.#chance, false);
  }

  /** Goes on with an upload from where the registry says that it stands. */
  async #resume(client: Client): Promise<void> {
    const [session] = this.#world.uploads.openOf(this.#repository);
    if (session === undefined) return this.#linger(client);
    if (receivedBy(session) < session.content.bytes.length) {
      await patchSome(client, session, this.#chance, this.#chance.happens(0.5));
    }
    await finish(client, session);
  }

  async #cancel(client: Client): Promise<void> {
    const session = await this.#world.uploads.open(client, this.#repository, this.#maker.layer());
    await patchSome(client, session, this.#chance, false);
    await cancel(client, session);
  }

  #shelve(manifest: Manifest): void {
    // The bytes of layers are not needed again, and are many.
    const blobs = manifest.blobs.map((blob) => ({ ...blob, bytes: Buffer.alloc(0) }));
    const others = this.#shelf.filter(({ digest }) => digest !== manifest.digest);
    this.#shelf = [...others, { ...manifest, blobs }].slice(-20);
  }
}
