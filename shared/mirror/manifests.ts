// Manifests of upstreams: kept under their digest once they were checked, and tags as the upstream said last where they point.

import { setTimeout as sleep } from 'node:timers/promises';
import { algorithmOf, type Digest, digestOf } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import { manifestInlineBytesMax, recentManifestBytesMax } from '../oci/limits.ts';
import { parseManifest } from '../oci/manifest.ts';
import { isImageManifest, isIndex } from '../oci/media-types.ts';
import type { Reference, Tag } from '../oci/reference.ts';
import { read, write } from '../registry/records.ts';
import { type MirrorStore, noteUse } from './blobs.ts';
import type { FetchedManifest, Source, UpstreamClient } from './client.ts';
import type { Downloads } from './downloads.ts';
import { type MirroredTag, mirrorManifestKey, mirrorReviewKey, mirrorTagKey } from './layout.ts';
import {
  mirrorFailingSeconds,
  mirrorMissesMax,
  mirrorMissSeconds,
  mirrorPatienceMs,
  mirrorUseSeconds,
} from './limits.ts';
import { RecentlyUsed, Shared } from './recently-used.ts';
import type { Outcome, Told } from './told.ts';
import { failureOf, UpstreamFailure } from './upstream-failure.ts';

export interface MirroredManifestBytes {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export interface AnsweredManifest extends MirroredManifestBytes {
  /** Seconds since the upstream said that the tag points here; `undefined` of a digest, which is always so. */
  readonly age: number | undefined;
  /** It may not be so any more: the upstream should have been asked, and did not answer. */
  readonly isStale: boolean;
}

interface KeptManifest extends MirroredManifestBytes {
  used: number;
}

export interface ManifestServices {
  readonly store: MirrorStore;
  readonly client: UpstreamClient;
  readonly downloads: Downloads;
  readonly told: Told;
}

export interface ManifestSettings {
  readonly freshSeconds: number;
  readonly keepDays: number;
}

const dayMs = 24 * 60 * 60 * 1000;

export class Manifests {
  readonly #services: ManifestServices;
  readonly #settings: ManifestSettings;
  readonly #recent = new RecentlyUsed<KeptManifest>(
    recentManifestBytesMax,
    ({ bytes }) => bytes.length + 1024,
  );
  /** Until when it is known that there is nothing. */
  readonly #misses = new RecentlyUsed<number>(mirrorMissesMax);
  /** Until when a tag is not asked for again, of which what came was wrong. */
  readonly #failed = new RecentlyUsed<number>(mirrorMissesMax);
  readonly #fetching = new Shared<KeptManifest | undefined>();
  readonly #asking = new Shared<MirroredTag | undefined | 'late'>();

  constructor(services: ManifestServices, settings: ManifestSettings) {
    this.#services = services;
    this.#settings = settings;
  }

  /**
   * A manifest, from the store or from the upstream.
   * @returns `undefined` where the upstream has none, or none for us
   * @throws UpstreamFailure where it is not at hand, and the upstream does not answer
   */
  async find(source: Source, reference: Reference): Promise<AnsweredManifest | undefined> {
    return reference.kind === 'digest'
      ? this.#findByDigest(source, reference.digest)
      : this.#findByTag(source, reference.tag);
  }

  async #findByDigest(source: Source, digest: Digest): Promise<AnsweredManifest | undefined> {
    const stored = await this.#stored(source.upstream.name, digest);
    if (stored !== undefined) return this.#answer(stored, 'hit');
    const fetched = await this.#fetch(source, digest);
    return fetched && this.#answer(fetched, 'fetched');
  }

  async #findByTag(source: Source, tag: Tag): Promise<AnsweredManifest | undefined> {
    const { store } = this.#services;
    const known = await read(store.documents, mirrorTagKey(source.upstream.name, source.name, tag));
    const now = store.clock.now();
    if (known !== undefined && this.#isFresh(known)) return this.#ofTag(source, known, 'hit');
    if (known === undefined) {
      const fetched = await this.#fetch(source, tag);
      return fetched && this.#answer(fetched, 'fetched', 0);
    }
    const asked = await this.#ask(source, tag, known);
    if (asked === 'late') {
      const age = Math.floor((now - known.checked) / 1000);
      const found = await this.#ofTag(source, known, 'stale');
      return found && { ...found, age, isStale: true };
    }
    return asked && this.#ofTag(source, asked, 'hit');
  }

  #isFresh({ checked }: MirroredTag): boolean {
    return this.#services.store.clock.now() - checked < this.#settings.freshSeconds * 1000;
  }

  /** What a tag points at. It may have been removed by the collector while the tag was asked for by HEAD alone. */
  async #ofTag(
    source: Source,
    { digest, checked }: MirroredTag,
    outcome: Outcome,
  ): Promise<AnsweredManifest | undefined> {
    const age = Math.max(0, Math.floor((this.#services.store.clock.now() - checked) / 1000));
    const stored = await this.#stored(source.upstream.name, digest);
    if (stored !== undefined) return this.#answer(stored, outcome, age);
    const fetched = await this.#fetch(source, digest);
    return fetched && this.#answer(fetched, 'fetched', age);
  }

  #answer(manifest: MirroredManifestBytes, outcome: Outcome, age?: number): AnsweredManifest {
    this.#services.told.answered('manifest', outcome);
    return { ...manifest, age, isStale: false };
  }

  /** Where a tag points now; `late` where the upstream does not say so soon enough. */
  async #ask(
    source: Source,
    tag: Tag,
    known: MirroredTag,
  ): Promise<MirroredTag | undefined | 'late'> {
    const { client, told } = this.#services;
    const key = keyOf(source, tag);
    const isResting = (this.#failed.get(key) ?? 0) > this.#services.store.clock.now();
    if (isResting || client.standing(source.upstream).isResting) return 'late';
    const revalidate = () =>
      this.#revalidate(source, tag, known).catch((error: unknown) => {
        told.failed(source.upstream.name, source.name, failureOf(error));
        this.#failed.set(key, this.#services.store.clock.now() + mirrorFailingSeconds * 1000);
        return 'late' as const;
      });
    const asked = this.#asking.ask(key, revalidate);
    const patience = new AbortController();
    const late = sleep(mirrorPatienceMs, 'late' as const, { signal: patience.signal }).catch(
      () => 'late' as const,
    );
    return Promise.race([asked, late]).finally(() => patience.abort());
  }

  /** Asks the upstream, and writes down what it says. */
  async #revalidate(
    source: Source,
    tag: Tag,
    known: MirroredTag,
  ): Promise<MirroredTag | undefined> {
    const { store, client } = this.#services;
    const head = await client.headManifest(source, tag);
    if (head === undefined) {
      await store.documents.transact(async (transaction) => {
        transaction.delete(mirrorTagKey(source.upstream.name, source.name, tag));
      });
      this.#missed(source, tag);
      return undefined;
    }
    const checked = store.clock.now();
    if (head.digest === known.digest) {
      await this.#writeTag(source, tag, { digest: known.digest, checked });
      return { digest: known.digest, checked };
    }
    const isKept =
      head.digest !== undefined &&
      (await this.#stored(source.upstream.name, head.digest)) !== undefined;
    if (head.digest !== undefined && isKept) {
      await this.#writeTag(source, tag, { digest: head.digest, checked });
      return { digest: head.digest, checked };
    }
    const fetched = await this.#fetch(source, tag);
    return fetched && { digest: fetched.digest, checked };
  }

  async #stored(upstream: string, digest: Digest): Promise<MirroredManifestBytes | undefined> {
    const recent = this.#recent.get(`${upstream}\0${digest}`);
    if (recent !== undefined) {
      await this.#noteUse(upstream, recent);
      return recent;
    }
    const { store, downloads } = this.#services;
    const record = await read(store.documents, mirrorManifestKey(upstream, digest));
    if (record === undefined) return undefined;
    const { mediaType, size, used } = record;
    const bytes = record.bytes ?? (await downloads.gatherStored(upstream, digest, size));
    if (bytes === undefined) {
      await downloads.forget(upstream, digest);
      return undefined;
    }
    const kept = { digest, mediaType, bytes, used };
    await this.#noteUse(upstream, kept);
    if (bytes.length <= manifestInlineBytesMax) this.#recent.set(`${upstream}\0${digest}`, kept);
    return kept;
  }

  async #noteUse(upstream: string, kept: KeptManifest): Promise<void> {
    const { store, told, downloads } = this.#services;
    const now = store.clock.now();
    if (now - kept.used < mirrorUseSeconds * 1000) return;
    const used = kept.used;
    kept.used = now;
    try {
      await noteUse(store, mirrorManifestKey(upstream, kept.digest), used);
      if (kept.bytes.length > manifestInlineBytesMax) {
        await downloads.noteUse(upstream, kept.digest);
      }
    } catch (error) {
      told.storeFailed(upstream, kept.digest, error);
    }
  }

  /** Gets a manifest, once for all that ask, checks it and keeps it. @throws UpstreamFailure */
  async #fetch(source: Source, reference: Tag | Digest): Promise<KeptManifest | undefined> {
    const key = keyOf(source, reference);
    const missedUntil = this.#misses.get(key) ?? 0;
    const isMissing = missedUntil > this.#services.store.clock.now();
    const fetched = isMissing
      ? undefined
      : await this.#fetching.ask(key, () => this.#get(source, reference));
    if (fetched === undefined) this.#services.told.answered('manifest', 'absent');
    return fetched;
  }

  async #get(source: Source, reference: Tag | Digest): Promise<KeptManifest | undefined> {
    const { store, client, told } = this.#services;
    const answer = await client.getManifest(source, reference);
    if (answer === undefined) {
      this.#missed(source, reference);
      return undefined;
    }
    const checked = checkManifest(answer, reference);
    const kept = { ...checked, used: store.clock.now() };
    const { name: upstream } = source.upstream;
    try {
      await this.#keep(source, kept, reference.includes(':') ? undefined : (reference as Tag));
    } catch (error) {
      // It was checked: who asked has it all the same.
      told.storeFailed(upstream, kept.digest, error);
    }
    if (kept.bytes.length <= manifestInlineBytesMax) {
      this.#recent.set(`${upstream}\0${kept.digest}`, kept);
    }
    return kept;
  }

  async #keep(source: Source, manifest: KeptManifest, tag: Tag | undefined): Promise<void> {
    const { store, downloads } = this.#services;
    const { digest, mediaType, bytes, used } = manifest;
    const upstream = source.upstream.name;
    const isInline = bytes.length <= manifestInlineBytesMax;
    if (!isInline) await downloads.keep(upstream, digest, bytes);
    const size = bytes.length;
    await store.documents.transact(async (transaction) => {
      const known = await read(transaction, mirrorManifestKey(upstream, digest));
      if (known === undefined) {
        const record = { mediaType, size, used, ...(isInline ? { bytes } : {}) };
        write(transaction, mirrorManifestKey(upstream, digest), record);
        const due = used + this.#settings.keepDays * dayMs;
        write(transaction, mirrorReviewKey(due), { upstream, kind: 'manifest', digest });
      }
      if (tag !== undefined) {
        const expiresAt = used + this.#settings.keepDays * dayMs;
        const pointer = { digest, checked: used };
        write(transaction, mirrorTagKey(upstream, source.name, tag), pointer, { expiresAt });
      }
    });
  }

  async #writeTag(source: Source, tag: Tag, record: MirroredTag): Promise<void> {
    const { store, told } = this.#services;
    const expiresAt = record.checked + this.#settings.keepDays * dayMs;
    await store.documents
      .transact(async (transaction) => {
        const { name: upstream } = source.upstream;
        write(transaction, mirrorTagKey(upstream, source.name, tag), record, { expiresAt });
      })
      .catch((error: unknown) => told.storeFailed(source.upstream.name, record.digest, error));
  }

  #missed(source: Source, reference: string): void {
    const until = this.#services.store.clock.now() + mirrorMissSeconds * 1000;
    this.#misses.set(keyOf(source, reference), until);
  }
}

/**
 * Sees to it that a manifest is what was asked for, and what it says it is.
 * @throws UpstreamFailure where it is not
 */
function checkManifest(
  { bytes, contentType, digest: told }: FetchedManifest,
  reference: Tag | Digest,
): MirroredManifestBytes {
  const asked = reference.includes(':') ? (reference as Digest) : undefined;
  for (const expected of [asked, told]) {
    if (expected === undefined) continue;
    const actual = digestOf(bytes, algorithmOf(expected));
    if (actual !== expected) {
      throw new UpstreamFailure(`its manifest has the digest ${actual}, not ${expected}`);
    }
  }
  const digest = asked ?? told ?? digestOf(bytes);
  const isType =
    contentType !== undefined && (isImageManifest(contentType) || isIndex(contentType));
  try {
    // Some say application/json, or nothing: then it is what the body says.
    const { mediaType } = parseManifest(bytes, isType ? contentType : undefined);
    return { digest, mediaType, bytes };
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    throw new UpstreamFailure(`what it has is not mirrored: ${error.message}`);
  }
}

function keyOf({ upstream, name }: Source, reference: string): string {
  return `${upstream.name}\0${name}\0${reference}`;
}
