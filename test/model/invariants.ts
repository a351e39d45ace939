// What must hold after every step, and what must be left when all is over.

import { type Digest, digestOf } from '#shared/oci/digest.ts';
import { leaseSeconds } from '#shared/oci/limits.ts';
import { gather, type ObjectName, type StoredObject } from '#shared/ports/blobs.ts';
import type { Document } from '#shared/ports/documents.ts';
import { collectOnce } from '#shared/registry/collect.ts';
import { blobObject, type Repository } from '#shared/registry/layout.ts';
import type {
  BlobLink,
  BlobRecord,
  ManifestRecord,
  ManifestSummary,
  TagRecord,
} from '#shared/registry/records.ts';
import type { Store } from '#shared/registry/store.ts';
import type { FakeClock } from '#test/support/clock.ts';
import { Violation } from './schedule.ts';
import type { Told } from './told.ts';
import { blobDigests, nicknameOf, repositoryNames, repositoryOf } from './universe.ts';

/** The documents of a location, by their kinds; each map's keys are the rest of the document's key. */
class State {
  readonly #kinds = new Map<string, Map<string, unknown>>();

  constructor(documents: readonly Document[]) {
    for (const { key, value } of documents) {
      const [, project, kind = '', ...rest] = key;
      const id = (kind === 'blobs' ? [project, ...rest] : rest).join(' ');
      this.of(kind).set(id, value);
    }
  }

  /** `name digest` → manifest, summary and link; `name tag` → tag; `project digest` → blob. */
  of(kind: 'manifests'): Map<string, ManifestRecord>;
  of(kind: 'summaries'): Map<string, ManifestSummary>;
  of(kind: 'links'): Map<string, BlobLink>;
  of(kind: 'tags'): Map<string, TagRecord>;
  of(kind: 'blobs'): Map<string, BlobRecord>;
  of(kind: string): Map<string, unknown>;
  of(kind: string): Map<string, unknown> {
    const known = this.#kinds.get(kind) ?? new Map<string, unknown>();
    this.#kinds.set(kind, known);
    return known;
  }
}

export class Invariants {
  readonly #store: Store;
  readonly #location: string;
  readonly #told: Told;
  readonly #everything: () => Promise<readonly Document[]>;
  readonly #repositories: ReadonlyMap<string, Repository>;
  /** What was last seen under a blob's name; what requests touch is looked at again. */
  readonly #objects = new Map<string, StoredObject | undefined>();

  /** @param everything reads all documents of the location, where it takes more than one list */
  constructor(
    store: Store,
    location: string,
    told: Told,
    everything: () => Promise<readonly Document[]> = () =>
      store.documents.list({ prefix: [location], limit: Number.MAX_SAFE_INTEGER }),
  ) {
    this.#everything = everything;
    this.#store = store;
    this.#location = location;
    this.#told = told;
    this.#repositories = new Map(
      repositoryNames.map((name) => [name, repositoryOf(location, name)] as const),
    );
  }

  /** Whatever happened so far, and whoever died: @throws Violation */
  async checkSafety(touched: readonly ObjectName[]): Promise<void> {
    for (const object of touched) this.#objects.delete(object.join(' '));
    const state = new State(await this.#everything());
    for (const key of this.#told.manifests()) {
      demand(
        state.of('manifests').has(key),
        () => `a manifest that was pushed is gone: ${show(key)}`,
      );
    }
    for (const [key, manifest] of state.of('manifests')) {
      const [name = ''] = key.split(' ');
      for (const blob of manifest.blobs) {
        const isHeld = state.of('links').has(`${name} ${blob}`);
        demand(isHeld, () => `${show(key)} names ${nicknameOf(blob)}, which its repository lost`);
      }
    }
    for (const key of state.of('links').keys()) await this.#checkLink(state, key);
    for (const [key, { digest }] of state.of('tags')) {
      const [name = ''] = key.split(' ');
      const exists = state.of('manifests').has(`${name} ${digest}`);
      demand(exists, () => `the tag ${key} points at ${nicknameOf(digest)}, which is gone`);
    }
    for (const name of repositoryNames) {
      const holds = [...state.of('summaries').keys()].some((key) => key.startsWith(`${name} `));
      const isListed = state.of('repositories').has(name);
      demand(holds === isListed, () => `${name} is listed: ${isListed}, has manifests: ${holds}`);
    }
    checkEdges(state);
  }

  /** A link is the right to read: what it leads to must be there. */
  async #checkLink(state: State, key: string): Promise<void> {
    const [name = '', digest = ''] = key.split(' ');
    const repository = this.#repository(name);
    const blob = state.of('blobs').get(`${repository.project} ${digest}`);
    const stored = blob?.state ?? 'without a record';
    demand(blob?.state === 'live', () => `${show(key)} is linked, and its blob is ${stored}`);
    const object = await this.#stat(blobObject(repository, digest as Digest));
    const size = state.of('links').get(key)?.size;
    demand(object?.size === size, () => `${show(key)} is linked, and its bytes are gone`);
  }

  /** Lets time pass and the collector run until nothing is left to do. @throws Violation */
  async checkLiveness(clock: FakeClock): Promise<{ orphans: number }> {
    const reviews = { prefix: [this.#location, '-', 'reviews'], limit: 1 };
    for (let run = 1; run <= collectionsMax; run += 1) {
      if ((await this.#store.documents.list(reviews)).length === 0) break;
      clock.advance(leaseSeconds * 1000);
      await collectOnce(this.#store, this.#location);
    }
    this.#objects.clear();
    await this.checkSafety([]);
    const state = new State(await this.#everything());
    const named = new Set<string>();
    for (const [key, { blobs }] of state.of('manifests')) {
      for (const blob of blobs) named.add(`${key.split(' ')[0]} ${blob}`);
    }
    const inProject = (links: ReadonlySet<string>) =>
      new Set(
        [...links].map((key) => {
          const [name = '', digest = ''] = key.split(' ');
          return `${this.#repository(name).project} ${digest}`;
        }),
      );
    same('links when all is over', new Set(state.of('links').keys()), named);
    same('blobs when all is over', new Set(state.of('blobs').keys()), inProject(named));
    same('reviews when all is over', new Set(state.of('reviews').keys()), new Set());
    for (const name of named) await this.#checkBytes(name);
    return { orphans: await this.#countOrphans(inProject(named)) };
  }

  async #checkBytes(key: string): Promise<void> {
    const [name = '', digest = ''] = key.split(' ');
    const object = await this.#store.blobs.read(
      blobObject(this.#repository(name), digest as Digest),
    );
    const bytes = object === undefined ? Buffer.of() : await gather(object.bytes);
    demand(digestOf(bytes) === digest, () => `${show(key)} has other bytes than it should`);
  }

  /** Objects that a crash left without a record: the inventory finds them. */
  async #countOrphans(recorded: ReadonlySet<string>): Promise<number> {
    let orphans = 0;
    for (const repository of this.#repositories.values()) {
      // Repositories of one project share their blobs: they are counted with the first.
      if (repository.name === 'one/b') continue;
      for (const digest of blobDigests) {
        const object = await this.#stat(blobObject(repository, digest));
        const isRecorded = recorded.has(`${repository.project} ${digest}`);
        if (object !== undefined && !isRecorded) orphans += 1;
      }
    }
    return orphans;
  }

  async #stat(object: ObjectName): Promise<StoredObject | undefined> {
    const key = object.join(' ');
    if (!this.#objects.has(key)) this.#objects.set(key, await this.#store.blobs.stat(object));
    return this.#objects.get(key);
  }

  #repository(name: string): Repository {
    const repository = this.#repositories.get(name);
    if (repository === undefined) throw new Error(`a repository that nobody pushed to: ${name}`);
    return repository;
  }
}

/** What one transaction writes together is there together. */
function checkEdges(state: State): void {
  const summaries = [...state.of('summaries')];
  const keys = summaries.map(([key]) => key);
  same('summaries', new Set(keys), new Set(state.of('manifests').keys()));
  // Every image's config tells its platform.
  const whole = summaries.filter(([, { platform }]) => platform !== undefined);
  same('summaries with a platform', new Set(whole.map(([key]) => key)), new Set(keys));
  const inner = (key: string) => key.split(' ') as [name: string, last: string];
  const tagged = [...state.of('tags')].map(([key, { digest }]) => {
    const [name, tag] = inner(key);
    return `${name} ${digest} ${tag}`;
  });
  same('edges to tags', new Set(state.of('manifestTags').keys()), new Set(tagged));
  const naming = [...state.of('manifests')].flatMap(([key, { blobs }]) => {
    const [name, manifest] = inner(key);
    return blobs.map((blob) => `${name} ${blob} ${manifest}`);
  });
  same('edges to manifests', new Set(state.of('blobManifests').keys()), new Set(naming));
  const linked = [...state.of('links').keys()].map((key) => inner(key).toReversed().join(' '));
  same('edges to links', new Set(state.of('blobLinks').keys()), new Set(linked));
}

/** Lease, link, condemned, deleted: four runs a lease apart; and as many for who was told to wait once more. */
const collectionsMax = 8;

function demand(holds: boolean, otherwise: () => string): asserts holds {
  if (!holds) throw new Violation(otherwise());
}

function same(what: string, found: ReadonlySet<string>, wanted: ReadonlySet<string>): void {
  const tooMany = [...found].filter((key) => !wanted.has(key)).map(show);
  const missing = [...wanted].filter((key) => !found.has(key)).map(show);
  demand(
    tooMany.length + missing.length === 0,
    () => `of the ${what} there are too many: [${tooMany}], and missing: [${missing}]`,
  );
}

function show(key: string): string {
  return key.split(' ').map(nicknameOf).join(' ');
}
