// The mirror: pull-through caches of other registries. What is not at hand is fetched, checked, kept and answered at once.

import { internet, type Network } from '../http/public-connection.ts';
import type { Log } from '../log.ts';
import type { Digest } from '../oci/digest.ts';
import type { Reference, RepositoryName } from '../oci/reference.ts';
import type { ObjectName } from '../ports/blobs.ts';
import type { MirrorStore } from './blobs.ts';
import { ByteBudget } from './budget.ts';
import { type Source, UpstreamClient } from './client.ts';
import { UpstreamConnections } from './connection.ts';
import { type BlobInStore, type BlobOnItsWay, Downloads } from './downloads.ts';
import { blobObject } from './layout.ts';
import { mirrorMissesMax, mirrorMissSeconds } from './limits.ts';
import { type AnsweredManifest, Manifests } from './manifests.ts';
import { RecentlyUsed, Shared } from './recently-used.ts';
import { type MirrorFigures, Told } from './told.ts';
import { type UpstreamSettings, upstreamFor } from './upstream.ts';

export interface MirrorSettings extends UpstreamSettings {
  /** Who pulls must be somebody. */
  readonly login: boolean;
  /** How long what an upstream said of a tag is taken for so. */
  readonly freshSeconds: number;
  /** How many days something is kept that is not used. */
  readonly keepDays: number;
  /** Of one upstream; 0 for no limit. */
  readonly bytesPerHour: number;
}

export interface MirrorOptions {
  readonly settings: MirrorSettings;
  readonly store: MirrorStore;
  readonly log: Log;
  readonly figures?: MirrorFigures | undefined;
  readonly network?: Network;
}

export class Mirror {
  readonly #settings: MirrorSettings;
  readonly #store: MirrorStore;
  readonly #told: Told;
  readonly #client: UpstreamClient;
  readonly #manifests: Manifests;
  readonly #downloads: Downloads;
  /** Until when it is known that there is no such blob. */
  readonly #misses = new RecentlyUsed<number>(mirrorMissesMax);
  readonly #heads = new Shared<{ readonly size: number } | undefined>();

  /** Nothing is asked of anybody before a request needs it. */
  constructor({ settings, store, log, figures, network = internet }: MirrorOptions) {
    this.#settings = settings;
    this.#store = store;
    this.#told = new Told(log, figures);
    this.#client = new UpstreamClient(new UpstreamConnections(network), store.clock);
    const budget = new ByteBudget(store, settings.bytesPerHour);
    const services = { store, client: this.#client, told: this.#told };
    this.#downloads = new Downloads({ ...services, budget });
    this.#manifests = new Manifests({ ...services, downloads: this.#downloads }, settings);
  }

  get login(): boolean {
    return this.#settings.login;
  }

  /** Whether a host, as clients write it, is a mirror's. */
  isMirror(host: string): boolean {
    return this.#settings.hosts.has(host);
  }

  /**
   * What a request means.
   * @param ns containerd's `?ns=`
   * @returns `undefined` where that registry is not mirrored here
   */
  source(host: string, ns: string | null, name: RepositoryName): Source | undefined {
    const upstream = upstreamFor(this.#settings, host, ns);
    return upstream && { upstream, name };
  }

  /** @throws UpstreamFailure where it is not at hand, and the upstream does not answer */
  async manifest(source: Source, reference: Reference): Promise<AnsweredManifest | undefined> {
    return this.#counted('manifest', () => this.#manifests.find(source, reference));
  }

  /** A blob in the store; one read. */
  async storedBlob(source: Source, digest: Digest): Promise<BlobInStore | undefined> {
    const stored = await this.#downloads.stored(source, digest);
    if (stored !== undefined) this.#told.answered('blob', 'hit');
    return stored;
  }

  objectOf({ upstream }: Source, digest: Digest): ObjectName {
    return blobObject(upstream.name, digest);
  }

  /**
   * The bytes of a blob that is in the store. One whose object has gone is forgotten.
   * @param blob.range all, when left out
   */
  async readStored(
    { upstream }: Source,
    digest: Digest,
    blob: {
      readonly size: number;
      readonly range?: { readonly start: number; readonly end: number } | undefined;
    },
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    const bytes = await this.#downloads.readStored(upstream.name, digest, blob);
    if (bytes === undefined) await this.#downloads.forget(upstream.name, digest);
    return bytes;
  }

  /** How large a blob is that is not in the store. @throws UpstreamFailure */
  async sizeOf(source: Source, digest: Digest): Promise<number | undefined> {
    return this.#counted('blob', async () => {
      const coming = await this.#downloads.comingSize(source, digest);
      if (coming !== undefined) return coming;
      const key = `${source.upstream.name}\0${source.name}\0${digest}`;
      const head = () => this.#heads.ask(key, () => this.#client.headBlob(source, digest));
      return (await this.#unlessMissed(key, head))?.size;
    });
  }

  /**
   * A blob that is not in the store: as it comes of the upstream.
   * @param start the first byte that is wanted
   * @throws UpstreamFailure
   */
  async fetchBlob(
    source: Source,
    digest: Digest,
    start: number,
  ): Promise<BlobInStore | BlobOnItsWay | undefined> {
    return this.#counted('blob', async () => {
      const key = `${source.upstream.name}\0${source.name}\0${digest}`;
      const open = () => this.#downloads.open(source, digest, start);
      const opened = await this.#unlessMissed(key, open);
      this.#told.answered('blob', opened === undefined ? 'absent' : 'fetched');
      return opened;
    });
  }

  async #unlessMissed<T>(key: string, ask: () => Promise<T | undefined>): Promise<T | undefined> {
    const now = this.#store.clock.now();
    if ((this.#misses.get(key) ?? 0) > now) return undefined;
    const found = await ask();
    if (found === undefined) this.#misses.set(key, now + mirrorMissSeconds * 1000);
    return found;
  }

  async #counted<T>(kind: 'manifest' | 'blob', ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      this.#told.answered(kind, 'failed');
      throw error;
    }
  }
}
