// Pushes against the collector: every step of every request in any order, with crashes, freezes and leaps of time,
// over the real rules and the real embedded stores. A plan that fails is printed with its trace, and can be
// played again: BERTH_MODEL_SEED=… BERTH_MODEL_RUNS=… npm test -- test/model

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { Transaction, Value } from '#shared/ports/documents.ts';
import type { Store } from '#shared/registry/store.ts';
import type { Pusher } from './actors.ts';
import { type Plan, runPlan, Stores } from './model.ts';
import { plan } from './plan.ts';
import type { Event, Reach } from './schedule.ts';

const runs = Number(process.env['BERTH_MODEL_RUNS'] ?? 2000);
const seed = process.env['BERTH_MODEL_SEED'];
const hour = 3600;

describe('pushes against the collector', () => {
  let stores: Stores;
  before(async () => {
    stores = await Stores.open();
  });
  after(() => stores.close());

  const play = async (played: Plan, broken?: (store: Store) => Store): Promise<void> => {
    const { violation, trace } = await runPlan(stores, played, broken);
    if (violation !== undefined) throw new Error([violation.message, ...trace].join('\n'));
  };

  it(`lose nothing that was promised and leave nothing behind, in ${runs} runs`, async () => {
    await fc.assert(
      fc.asyncProperty(plan, (played) => play(played)),
      { numRuns: runs, ...(seed === undefined ? {} : { seed: Number(seed) }) },
    );
  });

  /** On a store of either kind. */
  const playOnBoth = async (played: Plan) => {
    for (const replaces of [true, false]) await play({ ...played, replaces });
  };
  const go = (who: number, reach: Reach): Event => ({ kind: 'go', who, reach });
  const pusher = (part: Partial<Pusher>): Pusher => ({
    kind: 'pusher',
    as: 'post',
    into: 'one/a',
    image: 'red',
    tag: 'latest',
    retries: 2,
    ...part,
  });

  it('do not lose a blob that is copied while the copy of another is collected', () =>
    playOnBoth({
      beginnings: { one: 'linked', two: 'grace over' },
      actors: [
        pusher({ as: 'docker', mountFrom: 'one/a', into: 'two/c', retries: 0 }),
        { kind: 'collector', times: 3 },
      ],
      schedule: [go(0, 5), go(1, 'end'), go(0, 'end')],
    }));

  it('keep the promise of a PUT that was repeated a day later', () =>
    playOnBoth({
      beginnings: { one: 'nothing', two: 'nothing' },
      actors: [pusher({ as: 'docker' }), { kind: 'collector', times: 6 }],
      schedule: [
        go(0, 'end'),
        go(0, 'end'),
        go(0, 4),
        { kind: 'crash', who: 0, reach: 'change' },
        { kind: 'wait', seconds: 23.5 * hour },
        go(0, 'end'),
        { kind: 'wait', seconds: hour },
        go(1, 'end'),
        go(0, 'end'),
      ],
    }));

  it('do not lose the blob of a push that froze when its bytes were there', () =>
    playOnBoth({
      beginnings: { one: 'nothing', two: 'nothing' },
      actors: [
        pusher({}),
        pusher({}),
        { kind: 'deleter', from: 'one/a', image: 'red', tag: 'latest', what: ['blobs'] },
        { kind: 'collector', times: 6 },
      ],
      schedule: [
        go(0, 'change'),
        go(1, 'end'),
        go(2, 'end'),
        go(3, 'end'),
        { kind: 'wait', seconds: 2 * hour + 1 },
        go(0, 4),
        go(3, 'end'),
        go(0, 'end'),
      ],
    }));

  it('do not link an object that is being deleted, after a freeze between two looks at it', () =>
    playOnBoth({
      beginnings: { one: 'nothing', two: 'nothing' },
      actors: [
        { kind: 'collector', times: 2 },
        pusher({ retries: 0 }),
        pusher({ retries: 0 }),
        { kind: 'deleter', from: 'one/a', image: 'red', tag: 'latest', what: ['blobs'] },
      ],
      schedule: [
        // The bytes are there, and no record: the other push meets them, and finds that there is none.
        go(2, 'change'),
        go(1, 5),
        // Meanwhile the blob is linked, let go, and condemned.
        go(2, 'end'),
        go(3, 'end'),
        go(0, 'end'),
        { kind: 'wait', seconds: 2 * hour + 1 },
        // It looks at the object, which goes the next moment, with its record.
        go(1, 2),
        go(0, 'end'),
        go(1, 'end'),
      ],
    }));

  /** Registries that are wrong, by what is wrong with them. */
  const mutants: Record<string, (store: Store) => Store> = {
    'deletes an object whatever its generation': (store) => ({
      ...store,
      blobs: {
        ...store.blobs,
        delete: async (name) => {
          const object = await store.blobs.stat(name);
          return (
            object !== undefined && store.blobs.delete(name, { ifGeneration: object.generation })
          );
        },
      },
    }),
    'writes over an object where it may not': (store) => ({
      ...store,
      blobs: { ...store.blobs, replaces: true },
    }),
    'leases nothing': (store) => writing(store, 'links', (link) => ({ ...link, leasedUntil: 0 })),
    'does not look whether a manifest names the blob': (store) => seeingNo(store, 'blobManifests'),
    'does not look whether a repository holds the blob': (store) => seeingNo(store, 'blobLinks'),
  };
  for (const [what, broken] of Object.entries(mutants)) {
    it(`would be found out, if the registry were one that ${what}`, async () => {
      const found = await fc.check(
        fc.asyncProperty(plan, (played) => play(played, broken)),
        { numRuns: 2000, endOnFailure: true },
      );
      assert.ok(found.failed, 'the model saw nothing wrong');
    });
  }
});

/** The store, but that documents of one kind are written otherwise. */
function writing(store: Store, kind: string, otherwise: (value: Value) => Value): Store {
  return transacting(store, (transaction) => ({
    set: (key, value, options) =>
      transaction.set(key, key[2] === kind ? otherwise(value) : value, options),
  }));
}

/** The store, but that transactions find no documents of one kind. */
function seeingNo(store: Store, kind: string): Store {
  return transacting(store, (transaction) => ({
    list: async (options) => (options.prefix[2] === kind ? [] : transaction.list(options)),
  }));
}

/** The store, with something else in the place of a part of its transactions. */
function transacting(
  store: Store,
  part: (transaction: Transaction) => Partial<Transaction>,
): Store {
  return {
    ...store,
    documents: {
      get: (key) => store.documents.get(key),
      list: (options) => store.documents.list(options),
      names: (options) => store.documents.names(options),
      transact: (body) =>
        store.documents.transact((transaction) =>
          body({
            get: (key) => transaction.get(key),
            getAll: (keys) => transaction.getAll(keys),
            list: (options) => transaction.list(options),
            create: (key, value, options) => transaction.create(key, value, options),
            set: (key, value, options) => transaction.set(key, value, options),
            delete: (key) => transaction.delete(key),
            ...part(transaction),
          }),
        ),
    },
  };
}
