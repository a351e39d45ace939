// The model of the relay: who changes tags and manifests, relays and sweeps, a step at a time, with crashes and
// freezes between any two. The topic lies in the documents, so that a publication is a step like any other.

import { digestOf } from '#shared/oci/digest.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { relayLeaseSeconds } from '#shared/oci/limits.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import type { Document, Documents, Transaction } from '#shared/ports/documents.ts';
import type { EventMessage, Events } from '#shared/ports/events.ts';
import { deleteManifest } from '#shared/registry/manifests.ts';
import { pushManifest } from '#shared/registry/push-manifest.ts';
import { relayRepository } from '#shared/registry/relay.ts';
import type { Store } from '#shared/registry/store.ts';
import { sweepOutbox } from '#shared/registry/sweep.ts';
import type { Stores } from './model.ts';
import { RelayInvariants } from './relay-invariants.ts';
import { type Client, type Event, Lost, Run, type Script, Violation } from './schedule.ts';
import { type RepositoryNickname, repositoryOf, type TagName, tagOf } from './universe.ts';

export type IndexName = 'red' | 'blue';

export type Change =
  | { readonly what: 'push'; readonly index: IndexName; readonly tags: readonly TagName[] }
  | { readonly what: 'untag'; readonly tag: TagName }
  | { readonly what: 'delete'; readonly index: IndexName };

/** What becomes of a publication. All but the first are told to the relay as failures. */
export type Publication = 'kept' | 'refused' | 'answer lost' | 'first half kept';

export type RelayActor =
  | {
      readonly kind: 'changer';
      readonly of: RepositoryNickname;
      readonly changes: readonly Change[];
      /** Each change wakes a relay of its repository, as a trigger does. */
      readonly wakes: boolean;
    }
  | {
      readonly kind: 'relay';
      readonly of: RepositoryNickname;
      readonly times: number;
      readonly publications: readonly Publication[];
    }
  | {
      readonly kind: 'sweep';
      readonly repositories: number;
      readonly times: number;
      readonly publications: readonly Publication[];
    };

export interface RelayPlan {
  readonly actors: readonly RelayActor[];
  readonly schedule: readonly Event[];
  /** Whether leases run out and a sweep comes in the end: nothing may be left without that where nothing fails. */
  readonly sweptAtEnd: boolean;
}

/** What is wrong with the ports that requests see, to see that it is found. */
export interface BrokenPorts {
  readonly store?: (store: Store) => Store;
  readonly events?: (events: Events) => Events;
}

/** An index that names nothing needs nothing to be there. */
function index(name: IndexName) {
  const { ociIndex: mediaType } = mediaTypes;
  const manifest = { schemaVersion: 2, mediaType, manifests: [], annotations: { name } };
  const bytes = Buffer.from(JSON.stringify(manifest));
  return { bytes, digest: digestOf(bytes) };
}

const indexes = { red: index('red'), blue: index('blue') };
const cause = { by: 'the model', host: 'registry.example' };
/** So few that a handful of entries are several pages. */
const limits = { batchMax: 2, batchesMax: 20 };

export async function runRelayPlan(
  stores: Stores,
  { actors, schedule, sweptAtEnd }: RelayPlan,
  broken: BrokenPorts = {},
): Promise<{ readonly violation: Violation | undefined; readonly trace: readonly string[] }> {
  const { clock } = stores;
  const location = stores.newLocation();
  const store = { ...stores.store, documents: withCountedIds(stores.store.documents) };
  const invariants = new RelayInvariants(store.documents, location);
  const run = new Run({ store, clock, broken: broken.store, check: () => invariants.check() });
  const scripts = actors.map(
    (actor, at) => [`${at} ${actor.kind}`, scriptOf(actor, location, broken)] as const,
  );
  try {
    await run.run(scripts, schedule);
    run.note('all requests are over');
    if (sweptAtEnd) {
      clock.advance((relayLeaseSeconds + 1) * 1000);
      const events = topicIn(store.documents, location, []);
      const { failures, more } = await sweepOutbox({ ...store, events }, location);
      if (failures.length > 0 || more) throw new Violation(`the last sweep left ${failures[0]}`);
    }
    await invariants.checkEnd();
  } catch (violation) {
    if (!(violation instanceof Violation)) throw violation;
    run.note(`VIOLATION: ${violation.message}`);
    return { violation, trace: run.trace };
  }
  return { violation: undefined, trace: run.trace };
}

function scriptOf(actor: RelayActor, location: string, { events: broken }: BrokenPorts): Script {
  if (actor.kind === 'changer') {
    return async (client) => {
      for (const change of actor.changes) {
        await makeChange(client, location, actor.of, change);
        if (actor.wakes) await relay(client, location, { of: actor.of, publications: [], broken });
      }
    };
  }
  return async (client) => {
    const publications = [...actor.publications];
    for (let time = 1; time <= actor.times; time += 1) {
      if (actor.kind === 'relay') {
        await relay(client, location, { of: actor.of, publications, broken });
      } else {
        await sweep(client, location, { upTo: actor.repositories, publications, broken });
      }
    }
  };
}

interface Publishing {
  /** What becomes of the next ones. */
  readonly publications: Publication[];
  readonly broken: BrokenPorts['events'];
}

function relay(
  client: Client,
  location: string,
  { of, ...publishing }: Publishing & { readonly of: RepositoryNickname },
): Promise<void> {
  const body = async (store: Store) => {
    const services = servicesOf(store, location, publishing);
    const relaying = relayRepository(services, repositoryOf(location, of), limits);
    const relayed = await relaying.catch(rethrowUnlessPublication);
    return `${relayed?.published ?? 'some or none'} published`;
  };
  return forgiving(client.request(`relay ${of}`, body, { mayFail: [] }));
}

function sweep(
  client: Client,
  location: string,
  { upTo, ...publishing }: Publishing & { readonly upTo: number },
): Promise<void> {
  const body = async (store: Store) => {
    const services = servicesOf(store, location, publishing);
    const { failures, published } = await sweepOutbox(services, location, upTo);
    for (const failure of failures) rethrowUnlessPublication(failure);
    return `${published} published`;
  };
  return forgiving(client.request('sweep', body, { mayFail: [] }));
}

function servicesOf(store: Store, location: string, { publications, broken }: Publishing) {
  const topic = topicIn(store.documents, location, publications);
  return { ...store, events: broken?.(topic) ?? topic };
}

function makeChange(
  client: Client,
  location: string,
  of: RepositoryNickname,
  change: Change,
): Promise<void> {
  const repository = repositoryOf(location, of);
  const body = async (store: Store) => {
    if (change.what === 'untag') {
      await deleteManifest(store, repository, tagOf(change.tag), cause);
      return;
    }
    const { bytes, digest } = indexes[change.index];
    const reference = { kind: 'digest', digest } as const;
    if (change.what === 'delete') {
      await deleteManifest(store, repository, reference, cause);
      return;
    }
    const tags = change.tags.map((tag) => tagOf(tag).tag);
    const options = { reference, tags, bytes, contentType: mediaTypes.ociIndex, ...cause };
    await pushManifest(store, repository, options);
  };
  const what = `${JSON.stringify(change)} of ${of}`;
  return forgiving(client.request(what, body, { mayFail: ['MANIFEST_UNKNOWN'] }));
}

class PublicationFailed extends Error {}

function rethrowUnlessPublication(error: unknown): undefined {
  if (!(error instanceof PublicationFailed)) throw error;
  return undefined;
}

/** A topic whose messages lie in the documents, in the order in which they were published. */
function topicIn(documents: Documents, location: string, outcomes: Publication[]): Events {
  return {
    async publish(_, orderingKey, messages) {
      const outcome = outcomes.shift() ?? 'kept';
      if (outcome === 'refused') throw new PublicationFailed(outcome);
      const half = Math.floor(messages.length / 2);
      const kept = outcome === 'first half kept' ? messages.slice(0, half) : messages;
      await documents.transact((transaction) => keep(transaction, location, orderingKey, kept));
      if (outcome !== 'kept') throw new PublicationFailed(outcome);
    },
  };
}

async function keep(
  transaction: Transaction,
  location: string,
  orderingKey: string,
  messages: readonly EventMessage[],
): Promise<void> {
  const counter = [location, '-', 'published', 'gcr'];
  let count = Number((await transaction.get(counter))?.value['count'] ?? 0);
  for (const { data, attributes } of messages) {
    count += 1;
    const key = [location, '-', 'topic', orderingKey, String(count).padStart(6, '0')];
    transaction.set(key, { text: Buffer.from(data).toString(), attributes });
  }
  transaction.set(counter, { count });
}

/** Goes on after a request that was lost or refused. */
async function forgiving(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof Lost) && !(error instanceof RegistryError)) throw error;
  }
}

/**
 * The documents, with the random part of the outbox's keys made from a count, in an order that is not the
 * count's: a plan is to lead to the same run every time, and keys that are out of order are what is feared.
 */
function withCountedIds(documents: Documents): Documents {
  const ids = new Map<string, string>();
  const counted = (key: Document['key']): Document['key'] => {
    if (key[2] !== 'outbox') return key;
    const [time, random = '', place] = (key.at(-1) ?? '').split('-');
    const id = ids.get(random) ?? String(((ids.size + 1) * 7919) % 10_007).padStart(5, '0');
    ids.set(random, id);
    return [...key.slice(0, -1), `${time}-${id}-${place}`];
  };
  return {
    get: (key) => documents.get(key),
    list: (options) => documents.list(options),
    names: (options) => documents.names(options),
    transact: (body) =>
      documents.transact((transaction) =>
        body({
          get: (key) => transaction.get(key),
          getAll: (keys) => transaction.getAll(keys),
          list: (options) => transaction.list(options),
          create: (key, value, options) => transaction.create(key, value, options),
          set: (key, value, options) => transaction.set(counted(key), value, options),
          delete: (key) => transaction.delete(key),
        }),
      ),
  };
}
