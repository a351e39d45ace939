// Who meets in the model: clients that push as docker, containerd and others do, one that deletes, and
// collectors.

import { RegistryError } from '#shared/oci/errors.ts';
import { sessionSecondsMax } from '#shared/oci/limits.ts';
import { collectOnce } from '#shared/registry/collect.ts';
import type { Repository } from '#shared/registry/layout.ts';
import { leaseLink, unlink } from '#shared/registry/links.ts';
import { deleteManifest } from '#shared/registry/manifests.ts';
import { mountBlob } from '#shared/registry/mount.ts';
import { pushManifest } from '#shared/registry/push-manifest.ts';
import { openSession, parseSession, sessionLocation } from '#shared/registry/sessions.ts';
import type { Store } from '#shared/registry/store.ts';
import { appendChunk, finishUpload, pushBlob } from '#shared/registry/uploads.ts';
import type { FakeClock } from '#test/support/clock.ts';
import { type Client, Lost, type Meaning, type Script, Violation } from './schedule.ts';
import type { Told } from './told.ts';
import {
  type Image,
  type ImageName,
  images,
  nicknameOf,
  type RepositoryNickname,
  repositoryOf,
  type TagName,
  tagOf,
} from './universe.ts';

export interface Pusher {
  readonly kind: 'pusher';
  /** docker: HEAD, POST, PATCH, PUT. chunks: two PATCHes. containerd: HEAD, POST, PUT whole. post: one POST. */
  readonly as: 'docker' | 'chunks' | 'containerd' | 'post';
  /** Tries to mount from there first, instead of asking. */
  readonly mountFrom?: RepositoryNickname | undefined;
  readonly into: RepositoryNickname;
  readonly image: ImageName;
  readonly tag: TagName;
  /** How often it repeats a request whose connection was lost. */
  readonly retries: number;
}

export interface Deleter {
  readonly kind: 'deleter';
  readonly from: RepositoryNickname;
  readonly image: ImageName;
  readonly tag: TagName;
  readonly what: readonly ('tag' | 'manifest' | 'blobs')[];
}

export interface Collector {
  readonly kind: 'collector';
  readonly times: number;
}

export type Actor = Pusher | Deleter | Collector;

/** What the actors of a run have in common. */
export interface Stage {
  readonly location: string;
  readonly clock: FakeClock;
  readonly told: Told;
  /** The turn it is. */
  turn(): number;
}

export function scriptOf(actor: Actor, stage: Stage): Script {
  if (actor.kind === 'pusher') return (client) => push(client, actor, stage);
  if (actor.kind === 'deleter') return (client) => remove(client, actor, stage);
  return (client) => collect(client, actor, stage);
}

/** How often a client comes back when it is told that a blob is busy. */
const busyRetries = 2;
const keys = [{ id: 'model', secret: 'of the model' }];
const host = 'registry.example';

async function push(client: Client, pusher: Pusher, stage: Stage): Promise<void> {
  const into = repositoryOf(stage.location, pusher.into);
  const image = images[pusher.image];
  for (const blob of image.blobs) await pushOneBlob(client, pusher, stage, blob);
  await patiently(pusher.retries, () => pushImage(client, { image, into, tag: pusher.tag }, stage));
}

/** A request for a manifest, and what it means that it was answered, refused or lost. */
function pushImage(
  client: Client,
  { image, into, tag }: { image: Image; into: Repository; tag: TagName },
  { told, turn }: Stage,
): Promise<unknown> {
  let committedIn = 0;
  const options = {
    reference: tagOf(tag),
    tags: [],
    bytes: image.bytes,
    contentType: image.mediaType,
    by: client.name,
    host,
  };
  const what = `PUT manifest ${nicknameOf(image.digest)} as ${into.name}:${tag}`;
  return client.request(
    what,
    async (store) => (await pushManifest(store, into, options)) && '201',
    {
      mayFail: ['MANIFEST_BLOB_UNKNOWN'],
      committed: () => {
        committedIn = turn();
      },
      answered: () => told.pushed(into, image.digest, committedIn),
      failed: (error, began) => {
        const missing = (error.each ?? []).map(
          ({ detail }) => detail as { digest: Image['digest'] },
        );
        // A large manifest whose own bytes were deleted meanwhile is pushed again.
        const named = missing.filter(({ digest }) => digest !== image.digest);
        for (const { digest } of named) told.missed(into, digest, began);
      },
    },
  );
}

async function pushOneBlob(
  client: Client,
  { as, into: name, mountFrom, retries }: Pusher,
  stage: Stage,
  blob: Image['blobs'][number],
): Promise<void> {
  const into = repositoryOf(stage.location, name);
  const called = `${nicknameOf(blob.digest)} into ${name}`;
  /** A request which, when it is answered so, tells the client that it need not upload. */
  const ask = (
    what: string,
    body: (store: Store) => Promise<string>,
    mayFail: Meaning<string>['mayFail'] = [],
  ) =>
    patiently(retries, () =>
      client.request(what, body, {
        mayFail,
        answered: (answer, began) => {
          if (answer === '200' || answer === '201')
            stage.told.promised(into, blob.digest, began, stage.turn());
        },
      }),
    );

  if (mountFrom !== undefined) {
    const from = repositoryOf(stage.location, mountFrom);
    const mounted = await ask(`mount ${called} from ${mountFrom}`, async (store) =>
      (await mountBlob(store, { digest: blob.digest, from, into })) ? '201' : '202',
    );
    if (mounted === '201') return;
  } else if (as !== 'post') {
    const held = await ask(`HEAD ${called}`, async (store) =>
      (await leaseLink(store, into, blob.digest)) === undefined ? '404' : '200',
    );
    if (held === '200') return;
  }
  if (as === 'post') {
    await ask(`POST ${called}`, async (store) => {
      await pushBlob(store, into, blob.digest, body(blob.bytes));
      return '201';
    });
    return;
  }
  await uploadInSession(client, { as, into, blob, called, stage, ask });
}

async function uploadInSession(
  client: Client,
  {
    as,
    into,
    blob,
    called,
    stage: { clock },
    ask,
  }: {
    as: Pusher['as'];
    into: Repository;
    blob: Image['blobs'][number];
    called: string;
    stage: Stage;
    ask: (
      what: string,
      body: (store: Store) => Promise<string>,
      mayFail?: Meaning<string>['mayFail'],
    ) => Promise<string>;
  },
): Promise<void> {
  const opened = openSession(into, { clock });
  const location = sessionLocation(opened, keys);
  const state = new URL(location, 'http://registry').searchParams.get('_state');
  const session = () => parseSession(into, { id: opened.id, state, keys, clock });
  const ends = { docker: [0], chunks: [0, 3], containerd: [], post: [] }[as];
  for (const [at, start] of ends.entries()) {
    const bytes = blob.bytes.subarray(start, ends[at + 1]);
    // A client that does not know whether its chunk arrived cannot repeat it: it gives up.
    await client.request(
      `PATCH ${called}`,
      async (store) =>
        `${await appendChunk(store, session(), location, { body: body(bytes) })} bytes`,
      { mayFail: ['BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID'] },
    );
  }
  const last = ends.length === 0 ? blob.bytes : new Uint8Array();
  await ask(
    `PUT ${called}`,
    async (store) => {
      const chunk = { body: body(last), length: last.length };
      await finishUpload(store, session(), location, blob.digest, chunk).catch((error: unknown) => {
        // What the session received is forgotten at its greatest age, under the hands of a frozen request.
        const young = clock.now() < opened.started + sessionSecondsMax * 1000;
        const isOwnFault = error instanceof RegistryError && error.code === 'DIGEST_INVALID';
        if (isOwnFault && young) throw new Violation('DIGEST_INVALID for the right bytes');
        throw error;
      });
      return '201';
    },
    ['BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID', 'DIGEST_INVALID'],
  );
}

async function remove(client: Client, deleter: Deleter, stage: Stage): Promise<void> {
  const { told, turn, location } = stage;
  const from = repositoryOf(location, deleter.from);
  const { digest, blobs } = images[deleter.image];
  const tag = tagOf(deleter.tag);
  const cause = { by: client.name, host };
  const forget = (
    gone: Image['digest'],
    body: (store: Store) => Promise<unknown>,
    mayFail: Meaning<unknown>['mayFail'],
  ) => {
    const committed = () => told.deleted(from, gone, turn());
    const what = `DELETE ${nicknameOf(gone)} of ${from.name}`;
    return forgiving(client.request(what, body, { mayFail, committed }));
  };
  for (const what of deleter.what) {
    if (what === 'tag') {
      const untag = (store: Store) => deleteManifest(store, from, tag, cause);
      const named = `DELETE ${from.name}:${tag.tag}`;
      await forgiving(client.request(named, untag, { mayFail: ['MANIFEST_UNKNOWN'] }));
    } else if (what === 'manifest') {
      const body = (store: Store) => deleteManifest(store, from, { kind: 'digest', digest }, cause);
      await forget(digest, body, ['MANIFEST_UNKNOWN']);
    } else {
      for (const blob of blobs) {
        const body = (store: Store) => unlink(store, from, blob.digest, cause);
        await forget(blob.digest, body, ['BLOB_UNKNOWN', 'UNSUPPORTED']);
      }
    }
  }
}

async function collect(client: Client, { times }: Collector, { location }: Stage): Promise<void> {
  for (let time = 1; time <= times; time += 1) {
    await forgiving(
      client.request(
        'collect',
        async (store) => {
          const { failures, reviewed } = await collectOnce(store, location);
          if (failures.length > 0) throw failures[0];
          return `${reviewed} reviewed`;
        },
        { mayFail: [] },
      ),
    );
  }
}

/** Repeats a request whose connection was lost, and one that is told to come back. */
async function patiently<T>(lostMax: number, request: () => Promise<T>): Promise<T> {
  let [lost, busy] = [0, 0];
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (error instanceof Lost && lost < lostMax) lost += 1;
      else if (error instanceof RegistryError && error.status === 503 && busy < busyRetries)
        busy += 1;
      else throw error;
    }
  }
}

/** Goes on after a request that was lost or refused. */
async function forgiving(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof Lost) && !(error instanceof RegistryError)) throw error;
  }
}

async function* body(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}
