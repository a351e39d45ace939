// The model: a plan, made by fast-check, and the run that it leads to.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileBlobs } from '#shared/embedded/file-blobs.ts';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import { graceSeconds } from '#shared/oci/limits.ts';
import { absent, type Blobs, type ObjectName } from '#shared/ports/blobs.ts';
import { collectOnce } from '#shared/registry/collect.ts';
import { blobObject } from '#shared/registry/layout.ts';
import { unlink } from '#shared/registry/links.ts';
import { pushManifest } from '#shared/registry/push-manifest.ts';
import type { Store } from '#shared/registry/store.ts';
import { pushBlob } from '#shared/registry/uploads.ts';
import { type FakeClock, fakeClock } from '#test/support/clock.ts';
import { type Actor, scriptOf } from './actors.ts';
import { Invariants } from './invariants.ts';
import { type Event, Run, Violation } from './schedule.ts';
import { countedReviews } from './steps.ts';
import { Told } from './told.ts';
import { images, repositoryOf, tagOf } from './universe.ts';

/** How a project's blobs stand when the run begins. */
export type Beginning =
  | 'nothing'
  /** Uploaded a moment ago, through the project's first repository. */
  | 'linked'
  /** The red image is there. */
  | 'tagged'
  | 'condemned'
  | 'grace over'
  /** Condemned, and the collector died before it deleted the object. */
  | 'deleting'
  /** A pusher died when its bytes were there. */
  | 'orphaned';

export interface Plan {
  /** Whether the store lets an object be written over; it does when this is left out. */
  readonly replaces?: boolean;
  readonly beginnings: { readonly one: Beginning; readonly two: Beginning };
  readonly actors: readonly Actor[];
  readonly schedule: readonly Event[];
}

export interface Outcome {
  readonly violation: Violation | undefined;
  readonly trace: readonly string[];
  readonly turns: number;
  /** Answers of 503. */
  readonly busy: number;
  /** Objects that were left without a record. */
  readonly orphans: number;
}

/** The real stores. Runs share them, each in a location of its own. */
export class Stores {
  readonly clock: FakeClock;
  readonly store: Store;
  readonly #close: () => Promise<void>;
  #locations = 0;

  private constructor(store: Store, clock: FakeClock, close: () => Promise<void>) {
    this.store = store;
    this.clock = clock;
    this.#close = close;
  }

  static async open(): Promise<Stores> {
    const directory = await mkdtemp(join(tmpdir(), 'berth-model-'));
    const clock = fakeClock(Date.parse('2026-11-24T12:00:00Z'));
    const file = join(directory, 'documents.sqlite');
    const documents = openSqliteDocuments({ file, clock, durable: false });
    const blobs = await openFileBlobs({ directory: join(directory, 'blobs'), durable: false });
    return new Stores({ documents, blobs, clock }, clock, async () => {
      documents.close();
      await rm(directory, { recursive: true, force: true });
    });
  }

  newLocation(): string {
    this.#locations += 1;
    return `run-${this.#locations}`;
  }

  close(): Promise<void> {
    return this.#close();
  }
}

/** @param broken makes the ports that requests see break their promises, to see that it is found */
export async function runPlan(
  stores: Stores,
  plan: Plan,
  broken?: (store: Store) => Store,
): Promise<Outcome> {
  const { clock } = stores;
  const location = stores.newLocation();
  const store = {
    ...stores.store,
    documents: countedReviews(stores.store.documents),
    blobs: plan.replaces === false ? neverReplaced(stores.store.blobs) : stores.store.blobs,
  };
  const told = new Told(clock);
  const invariants = new Invariants(store, location, told);
  await begin(store, clock, location, plan.beginnings);
  const run = new Run({
    store,
    clock,
    broken,
    check: (touched) => invariants.checkSafety(touched),
  });
  const stage = { location, clock, told, turn: () => run.turn };
  const scripts = plan.actors.map(
    (actor, at) => [`${at} ${actor.kind}`, scriptOf(actor, stage)] as const,
  );
  const outcome = (violation: Violation | undefined, orphans = 0) => {
    return { violation, orphans, trace: run.trace, turns: run.turn, busy: run.busy };
  };
  try {
    await run.run(scripts, plan.schedule);
    run.note('all requests are over: time passes, and the collector runs');
    const { orphans } = await invariants.checkLiveness(clock);
    return outcome(undefined, orphans);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    run.note(`VIOLATION: ${error.message}`);
    return outcome(error);
  }
}

/** Brings the projects to where a plan begins, by the rules themselves. */
export async function begin(
  store: Store,
  clock: FakeClock,
  location: string,
  beginnings: Plan['beginnings'],
): Promise<void> {
  const projects = [
    [beginnings.one, repositoryOf(location, 'one/a')],
    [beginnings.two, repositoryOf(location, 'two/c')],
  ] as const;
  const dooming = { ...store.blobs, delete: () => Promise.reject(new Error('dies')) };
  for (const [beginning, repository] of projects) {
    if (beginning === 'nothing') continue;
    for (const { digest, bytes } of images.red.blobs) {
      const body = once(bytes);
      if (beginning === 'orphaned') {
        await store.blobs.write(blobObject(repository, digest), body, { ifGeneration: absent });
      } else await pushBlob(store, repository, digest, body);
      if (doomed.has(beginning)) {
        await unlink(store, repository, digest, { by: 'the beginning' });
      }
    }
    if (beginning === 'tagged') {
      const { bytes, mediaType } = images.red;
      const options = { reference: tagOf('latest'), tags: [], bytes, contentType: mediaType };
      const cause = { by: 'the beginning', host: 'registry.example' };
      await pushManifest(store, repository, { ...options, ...cause });
    }
  }
  await collectOnce(store, location);
  for (const [beginning] of projects) {
    if (beginning !== 'grace over' && beginning !== 'deleting') continue;
    clock.advance((graceSeconds + 1) * 1000);
    if (beginning === 'deleting') await collectOnce({ ...store, blobs: dooming }, location);
  }
}

/** The beginnings for which the collector has come so far, or further. */
const doomed: ReadonlySet<Beginning> = new Set(['condemned', 'grace over', 'deleting']);

/** As where only the collector may delete: who writes over a blob's object is refused, whatever lies there. */
function neverReplaced(blobs: Blobs): Blobs {
  const refuse = (name: ObjectName, { ifGeneration }: { readonly ifGeneration: string }) => {
    if (name[2] !== 'blobs' || ifGeneration === absent) return;
    throw new Error('403: to write over an object takes the right to delete it');
  };
  return {
    replaces: false,
    write: async (name, body, options) => {
      refuse(name, options);
      return blobs.write(name, body, options);
    },
    compose: async (sources, name, options) => {
      refuse(name, options);
      return blobs.compose(sources, name, options);
    },
    stat: (name) => blobs.stat(name),
    read: (name, range) => blobs.read(name, range),
    readUrl: (name, options) => blobs.readUrl(name, options),
    delete: (name, options) => blobs.delete(name, options),
    list: (prefix) => blobs.list(prefix),
  };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
