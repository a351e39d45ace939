// Blobs of upstreams: from the store where they are there, else as they come. One fetch for each in an instance, one stored
// copy among all instances: who meets another's lease waits a little for what that stores, and then streams without storing.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Digest } from '../oci/digest.ts';
import { type ByteRange, gather } from '../ports/blobs.ts';
import {
  findBlob,
  giveBack,
  type HeldLease,
  type MirrorStore,
  noteUse,
  storeBlob,
  takeLease,
} from './blobs.ts';
import type { ByteBudget } from './budget.ts';
import type { ComingBlob, Source, UpstreamClient } from './client.ts';
import { Download } from './download.ts';
import { blobObject, type MirroredBlob, mirrorBlobKey } from './layout.ts';
import { mirrorLeaseLookMs, mirrorLeaseWaitMs } from './limits.ts';
import type { Told } from './told.ts';
import { failureOf, UpstreamFailure } from './upstream-failure.ts';

export interface BlobInStore {
  readonly kind: 'stored';
  readonly size: number;
}

export interface BlobOnItsWay {
  readonly kind: 'coming';
  readonly size: number;
  /** @throws UpstreamFailure before the last byte, where it does not come as it should */
  read(range: ByteRange): AsyncIterable<Uint8Array>;
}

/** A blob that is not in the store; `undefined` where the upstream has none, or none for us. */
type Begun = { readonly download: Download } | 'stored' | undefined;

export interface DownloadServices {
  readonly store: MirrorStore;
  readonly client: UpstreamClient;
  readonly budget: ByteBudget;
  readonly told: Told;
}

export class Downloads {
  readonly #services: DownloadServices;
  readonly #begun = new Map<string, Promise<Begun>>();

  constructor(services: DownloadServices) {
    this.#services = services;
  }

  /** A blob in the store; one read. */
  async stored({ upstream }: Source, digest: Digest): Promise<BlobInStore | undefined> {
    const { store } = this.#services;
    const blob = await findBlob(store, upstream.name, digest);
    if (blob === undefined) return undefined;
    await this.#noteUse(upstream.name, digest, blob);
    return { kind: 'stored', size: blob.size };
  }

  /** What is known of a blob's size while it comes. */
  async comingSize(source: Source, digest: Digest): Promise<number | undefined> {
    const begun = await this.#begun.get(keyOf(source, digest))?.catch(() => undefined);
    return typeof begun === 'object' ? begun.download.size : undefined;
  }

  /**
   * A blob that was not in the store a moment ago: as it comes, or from the store when it is there by then.
   * @param start the first byte that is wanted
   * @throws UpstreamFailure
   */
  async open(
    source: Source,
    digest: Digest,
    start: number,
  ): Promise<BlobInStore | BlobOnItsWay | undefined> {
    const begun = await this.#join(source, digest, start);
    if (begun === undefined) return undefined;
    if (begun === 'stored') return this.stored(source, digest);
    const { download } = begun;
    const { size } = download;
    // Nothing of these can be held back until they are checked, or told how long they are.
    if (size === undefined || size === 0) {
      if (await download.over) return this.stored(source, digest);
      throw download.failure ?? new UpstreamFailure('it does not say how large a blob is');
    }
    return { kind: 'coming', size, read: (range) => download.read(range) };
  }

  /** Stores bytes at hand, unless another does. They are the digest's. */
  async keep(upstream: string, digest: Digest, bytes: Uint8Array): Promise<void> {
    const { store } = this.#services;
    const lease = await takeLease(store, upstream, digest);
    if (typeof lease === 'string') return;
    const storing = this.#storing(upstream, digest, { lease, received: () => bytes.length });
    await storing(once(bytes), () => undefined);
  }

  /** The bytes of a blob that is in the store, or `undefined` where its object has gone. */
  async readStored(
    upstream: string,
    digest: Digest,
    { size, range }: { readonly size: number; readonly range?: ByteRange | undefined },
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    const object = await this.#services.store.blobs.read(blobObject(upstream, digest), range);
    return object?.size === size ? object.bytes : undefined;
  }

  async gatherStored(upstream: string, digest: Digest, size: number): Promise<Buffer | undefined> {
    const bytes = await this.readStored(upstream, digest, { size });
    return bytes && gather(bytes);
  }

  /** Notes that a blob was used, where it is in the store. */
  async noteUse(upstream: string, digest: Digest): Promise<void> {
    const blob = await findBlob(this.#services.store, upstream, digest);
    if (blob !== undefined) await this.#noteUse(upstream, digest, blob);
  }

  /** Forgets a blob whose object has gone, so that it is fetched anew. */
  async forget(upstream: string, digest: Digest): Promise<void> {
    await this.#services.store.documents.transact(async (transaction) => {
      transaction.delete(mirrorBlobKey(upstream, digest));
    });
  }

  #join(source: Source, digest: Digest, start: number): Promise<Begun> {
    const key = keyOf(source, digest);
    const running = this.#begun.get(key);
    if (running === undefined) return this.#begin(key, source, digest);
    return running.then((begun) => {
      if (typeof begun !== 'object' || begun.download.canRead(start)) return begun;
      // Of all that waited, the first begins anew, and the others join that.
      return this.#begun.get(key) === running
        ? this.#begin(key, source, digest)
        : this.#join(source, digest, start);
    });
  }

  /** In the map from the first moment: who comes next joins. */
  #begin(key: string, source: Source, digest: Digest): Promise<Begun> {
    const begun = this.#start(source, digest);
    this.#begun.set(key, begun);
    const forget = () => {
      if (this.#begun.get(key) === begun) this.#begun.delete(key);
    };
    begun
      .then((started) => (typeof started === 'object' ? started.download.over : undefined))
      .then(forget, forget);
    return begun;
  }

  async #start(source: Source, digest: Digest): Promise<Begun> {
    const { store, client, budget } = this.#services;
    const upstream = source.upstream.name;
    // Asked first: what an upstream that wants peace does not send needs no lease.
    client.standing(source.upstream).check();
    const lease = await this.#lease(upstream, digest);
    if (lease === 'stored') return 'stored';
    let coming: ComingBlob | undefined;
    try {
      coming = await client.getBlob(source, digest);
      if (coming !== undefined) await budget.spend(upstream, coming.size ?? 0);
    } catch (error) {
      coming?.close();
      await this.#giveBack(upstream, digest, lease);
      throw failureOf(error);
    }
    if (coming === undefined) {
      await this.#giveBack(upstream, digest, lease);
      return undefined;
    }
    const download: Download = new Download({
      digest,
      coming,
      store: lease && this.#storing(upstream, digest, { lease, received: () => download.received }),
      readStored: async (range) => {
        const blob = await findBlob(store, upstream, digest);
        const bytes = blob && (await this.readStored(upstream, digest, { size: blob.size, range }));
        if (bytes !== undefined) return bytes;
        throw new UpstreamFailure('what was stored has gone');
      },
    });
    this.#tellOf(source, digest, download);
    return { download };
  }

  #storing(
    upstream: string,
    digest: Digest,
    { lease, received }: { readonly lease: HeldLease; readonly received: () => number },
  ) {
    const { store, told } = this.#services;
    return async (body: AsyncIterable<Uint8Array>, verify: () => void): Promise<boolean> => {
      let isStored = false;
      try {
        const blob = { upstream, digest, size: received };
        isStored = await storeBlob(store, blob, { body, lease, verify });
        return isStored;
      } catch (error) {
        if (!(error instanceof UpstreamFailure)) told.storeFailed(upstream, digest, error);
        throw error;
      } finally {
        // The record's transaction gave it back.
        if (isStored) lease.stop();
        else await this.#giveBack(upstream, digest, lease);
      }
    };
  }

  /** The right to store, `stored` where that was done meanwhile, or `undefined` where another has it for longer. */
  async #lease(upstream: string, digest: Digest): Promise<HeldLease | 'stored' | undefined> {
    const { store, told } = this.#services;
    try {
      for (let waitedMs = 0; ; waitedMs += mirrorLeaseLookMs) {
        const lease = await takeLease(store, upstream, digest);
        if (lease !== 'taken') return lease;
        if (waitedMs >= mirrorLeaseWaitMs) return undefined;
        await sleep(mirrorLeaseLookMs);
      }
    } catch (error) {
      // Without a store the mirror still passes on.
      told.storeFailed(upstream, digest, error);
      return undefined;
    }
  }

  async #giveBack(upstream: string, digest: Digest, lease: HeldLease | undefined): Promise<void> {
    if (lease === undefined) return;
    // What is not given back ends by itself.
    await giveBack(this.#services.store, upstream, digest, lease).catch(() => undefined);
  }

  async #noteUse(upstream: string, digest: Digest, { used }: MirroredBlob): Promise<void> {
    const { store, told } = this.#services;
    await noteUse(store, mirrorBlobKey(upstream, digest), used).catch((error: unknown) =>
      told.storeFailed(upstream, digest, error),
    );
  }

  #tellOf({ upstream, name }: Source, digest: Digest, download: Download): void {
    const since = performance.now();
    void download.over.then((isStored) => {
      this.#services.told.fetched({
        upstream: upstream.name,
        name,
        digest,
        bytes: download.received,
        durationMs: performance.now() - since,
        isStored,
        failure: download.failure,
      });
    });
  }
}

function keyOf({ upstream }: Source, digest: Digest): string {
  return `${upstream.name}\0${digest}`;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
