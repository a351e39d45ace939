// Changes against the relay: several at once, killed anywhere, frozen and thawed, and with publications whose answer is
// lost; every step in any order, over the real rules and documents. A plan that fails is printed with its trace, and can
// be played again: BERTH_MODEL_SEED=… BERTH_MODEL_RUNS=… npm test -- test/model/relay.test.ts

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { relayLeaseSeconds } from '#shared/oci/limits.ts';
import type { Document, Documents } from '#shared/ports/documents.ts';
import type { Store } from '#shared/registry/store.ts';
import { Stores } from './model.ts';
import { oneOf, scheduleOf } from './plan.ts';
import {
  type BrokenPorts,
  type Change,
  type IndexName,
  type Publication,
  type RelayActor,
  type RelayPlan,
  runRelayPlan,
} from './relay-model.ts';
import { type RepositoryNickname, type TagName, tagNames } from './universe.ts';

const runs = Number(process.env['BERTH_MODEL_RUNS'] ?? 1000);
const seed = process.env['BERTH_MODEL_SEED'];

const index = oneOf<IndexName>('red', 'blue');
const tag = oneOf<TagName>(...tagNames);
const repository = oneOf<RepositoryNickname>('one/a', 'one/a', 'one/a', 'two/c');

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('push'),
      index,
      tags: fc.uniqueArray(tag, { maxLength: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('untag'), tag }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('delete'), index }) },
);

const publications = fc.array(
  oneOf<Publication>('kept', 'kept', 'answer lost', 'refused', 'first half kept'),
  { maxLength: 4 },
);

const changer: fc.Arbitrary<RelayActor> = fc.record({
  kind: fc.constant('changer'),
  of: repository,
  changes: fc.array(change, { minLength: 1, maxLength: 4 }),
  wakes: fc.constant(false),
});

const relay: fc.Arbitrary<RelayActor> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('relay'),
      of: repository,
      times: fc.integer({ min: 1, max: 3 }),
      publications,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('sweep'),
      repositories: oneOf(10, 1),
      times: fc.integer({ min: 1, max: 2 }),
      publications,
    }),
  },
);

/** Relays sit in the first seats, which play most. */
const plan: fc.Arbitrary<RelayPlan> = fc.record({
  actors: fc
    .tuple(
      fc.array(relay, { minLength: 1, maxLength: 3 }),
      fc.array(changer, { minLength: 1, maxLength: 2 }),
    )
    .map(([relays, changers]) => [...changers.slice(1), ...relays, ...changers.slice(0, 1)]),
  schedule: scheduleOf(oneOf(1, relayLeaseSeconds - 1, relayLeaseSeconds + 1, 3600)),
  sweptAtEnd: fc.constant(true),
});

/** Nobody dies, freezes or fails, and each change is followed by what it wakes. Few changes, or a run has too many. */
const undisturbed: fc.Arbitrary<RelayPlan> = fc.record({
  actors: fc.array(
    fc.record({
      kind: fc.constant('changer'),
      of: fc.constant('one/a'),
      changes: fc.array(change, { minLength: 1, maxLength: 2 }),
      wakes: fc.constant(true),
    }),
    { minLength: 2, maxLength: 3 },
  ),
  schedule: fc.array(
    fc.record({
      kind: fc.constant('go'),
      who: fc.integer({ min: 0, max: 2 }),
      reach: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 60, size: 'max' },
  ),
  sweptAtEnd: fc.constant(false),
});

describe('changes against the relay', () => {
  let stores: Stores;
  before(async () => {
    stores = await Stores.open();
  });
  after(() => stores.close());

  const play = async (played: RelayPlan, broken?: BrokenPorts): Promise<void> => {
    const { violation, trace } = await runRelayPlan(stores, played, broken);
    if (violation !== undefined) throw new Error([violation.message, ...trace].join('\n'));
  };
  const parameters = { numRuns: runs, ...(seed === undefined ? {} : { seed: Number(seed) }) };

  it(`lose no event, and are told in the order of their commits, in ${runs} runs`, () =>
    fc.assert(
      fc.asyncProperty(plan, (played) => play(played)),
      parameters,
    ));

  it('lose none and keep the order as well when every lease is over at once', () =>
    fc.assert(
      fc.asyncProperty(plan, (played) => play(played, { store: seeingLeasesOver })),
      { ...parameters, numRuns: Math.ceil(runs / 2) },
    ));

  it('leave nothing for a sweep where nothing fails', () =>
    fc.assert(
      fc.asyncProperty(undisturbed, (played) => play(played)),
      { ...parameters, numRuns: Math.ceil(runs / 2) },
    ));

  /** Ports that break their promises, by how. */
  const mutants: Record<string, BrokenPorts> = {
    'documents whose reads miss what was just committed': { store: readingLate() },
    'documents that do not tell when they were committed': { store: tellingNoTime },
    'events that put a call’s messages in another order': {
      events: (events) => ({
        publish: (topic, key, messages) => events.publish(topic, key, messages.toReversed()),
      }),
    },
    'events that keep less than they say': {
      events: (events) => ({
        publish: (topic, key, messages) => events.publish(topic, key, messages.slice(0, 1)),
      }),
    },
  };
  for (const [what, broken] of Object.entries(mutants)) {
    it(`would be found out, if they had ${what}`, async () => {
      const found = await fc.check(
        fc.asyncProperty(plan, (played) => play(played, broken)),
        { numRuns: 2000, endOnFailure: true },
      );
      assert.ok(found.failed, 'the model saw nothing wrong');
    });
  }
});

function withDocuments(store: Store, part: Partial<Documents>): Store {
  const { documents } = store;
  return {
    ...store,
    documents: {
      get: (key) => documents.get(key),
      list: (options) => documents.list(options),
      names: (options) => documents.names(options),
      transact: (body) => documents.transact(body),
      ...part,
    },
  };
}

/** Each relay may take the lease, whoever has it. */
function seeingLeasesOver(store: Store): Store {
  const over = (lease: Document | undefined): Document | undefined =>
    lease && { ...lease, value: { ...lease.value, until: 0 } };
  return withDocuments(store, {
    transact: (body) =>
      store.documents.transact((transaction) =>
        body({
          get: async (key) => {
            const found = await transaction.get(key);
            return key[2] === 'relays' ? over(found) : found;
          },
          getAll: (keys) => transaction.getAll(keys),
          list: (options) => transaction.list(options),
          create: (key, value, options) => transaction.create(key, value, options),
          set: (key, value, options) => transaction.set(key, value, options),
          delete: (key) => transaction.delete(key),
        }),
      ),
  });
}

function tellingNoTime(store: Store): Store {
  return withDocuments(store, {
    list: async (options) =>
      (await store.documents.list(options)).map((document) => ({ ...document, committedAt: 0 })),
  });
}

/** Every other list lacks its first document. */
function readingLate(): (store: Store) => Store {
  let lists = 0;
  return (store) =>
    withDocuments(store, {
      list: async (options) => {
        lists += 1;
        const found = await store.documents.list(options);
        return lists % 2 === 0 ? found : found.slice(1);
      },
    });
}
