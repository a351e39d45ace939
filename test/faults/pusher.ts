// Clients that push, each as a kind of real client does, and what they do about faults.

import type { Digest } from '#shared/oci/digest.ts';
import type { Repository } from '#shared/registry/layout.ts';
import { images, repositoryOf, tagOf } from '#test/model/universe.ts';
import type { Answer } from '#test/support/calls.ts';
import { putting } from './book.ts';
import { type Caller, digestsOf } from './caller.ts';
import type { Pusher } from './plan.ts';
import type { Session } from './sessions.ts';

interface Blob {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/** A session is begun anew after so many requests in it; none should need as many. */
const requestsMax = 30;

/** Pushes an image, and does not give up. */
export async function push(caller: Caller, pusher: Pusher): Promise<void> {
  const into = repositoryOf(caller.stage.location, pusher.into);
  const image = images[pusher.image];
  await caller.until(async () => {
    for (const blob of image.blobs) {
      await caller.until(() => pushBlob(caller, pusher, into, blob));
    }
    return putManifest(caller, pusher, into);
  });
}

/** @returns `undefined` when a blob has gone meanwhile and the image must be pushed again */
async function putManifest(
  caller: Caller,
  pusher: Pusher,
  into: Repository,
): Promise<true | undefined> {
  const { digest, bytes, mediaType } = images[pusher.image];
  const { tag } = tagOf(pusher.tag);
  const { status } = await caller.persist({
    method: 'PUT',
    path: `/v2/${into.name}/manifests/${tag}`,
    headers: { 'content-type': mediaType },
    body: bytes,
    allowed: [201, 404, 503],
    change: putting(into.name, pusher.tag, digest),
    refused: (answer, began) => {
      // A large manifest's own bytes may be deleted while it is pushed.
      const missing = answer.status === 404 ? digestsOf(answer) : [];
      for (const blob of missing.filter((one) => one !== digest)) {
        caller.stage.told.missed(into, blob, began);
      }
    },
  });
  return status === 201 ? true : undefined;
}

/** Once through what a client does for a blob. @returns `undefined` when it must begin again */
async function pushBlob(
  caller: Caller,
  pusher: Pusher,
  into: Repository,
  blob: Blob,
): Promise<true | undefined> {
  const uploads = `/v2/${into.name}/blobs/uploads/`;
  const promises = { repository: into, digest: blob.digest };
  if (pusher.mountFrom !== undefined) {
    const path = `${uploads}?mount=${blob.digest}&from=${pusher.mountFrom}`;
    const mounted = await caller.ask({ method: 'POST', path, allowed: [201, 202, 503], promises });
    if (mounted?.status === 201) return true;
    if (mounted === undefined) return undefined;
  } else if (pusher.as !== 'post') {
    const path = `/v2/${into.name}/blobs/${blob.digest}`;
    const held = await caller.ask({ method: 'HEAD', path, allowed: [200, 404], promises });
    if (held?.status === 200) return true;
    if (held === undefined) return undefined;
  }
  if (pusher.as === 'post') {
    const path = `${uploads}?digest=${blob.digest}`;
    const allowed = [201, 503];
    const pushed = await caller.ask({ method: 'POST', path, body: blob.bytes, allowed, promises });
    return pushed?.status === 201 ? true : undefined;
  }
  const opened = await caller.ask({ method: 'POST', path: uploads, allowed: [202] });
  if (opened === undefined) return undefined;
  const { sessions, clock } = caller.stage;
  const session = sessions.open(into, String(opened.headers.location), clock.now());
  return new Upload(caller, pusher, session, blob).run();
}

/** Where the PATCHes of a small blob end. */
const patchEnds = {
  docker: [Number.POSITIVE_INFINITY],
  pieces: [3, Number.POSITIVE_INFINITY],
  chunks: [3, Number.POSITIVE_INFINITY],
  tail: [3],
  containerd: [],
  post: [],
} as const satisfies Record<Pusher['as'], readonly number[]>;

/** One session, as its client sees it. */
class Upload {
  readonly #caller: Caller;
  readonly #pusher: Pusher;
  readonly #session: Session;
  readonly #blob: Blob;
  /** What the client believes was received. */
  #offset = 0;
  /** Whether it says where its bytes belong. Who repeats or resumes must. */
  #announces: boolean;

  constructor(caller: Caller, pusher: Pusher, session: Session, blob: Blob) {
    this.#caller = caller;
    this.#pusher = pusher;
    this.#session = session;
    this.#blob = blob;
    this.#announces = pusher.as === 'chunks';
  }

  /** @returns `undefined` when it gave up: the blob is pushed in another session */
  async run(): Promise<true | undefined> {
    for (let requests = 1; requests <= requestsMax; requests += 1) {
      const end = patchEnds[this.#pusher.as].find((at) => at > this.#offset);
      const isPatch = end !== undefined && this.#offset < this.#blob.bytes.length;
      const answer = await (isPatch ? this.#patch(end) : this.#put());
      if (answer?.status === 201) return true;
      if (answer?.status === 404 || answer?.status === 400) return undefined;
      if (answer?.status === 202 || answer?.status === 416) this.#offset = received(answer);
      if (answer?.status === 416) this.#announces = true;
      if (answer === undefined && !(await this.#goesOn())) return undefined;
    }
    return undefined;
  }

  async #patch(end: number): Promise<Answer | undefined> {
    const body = this.#blob.bytes.subarray(this.#offset, end);
    return this.#caller.ask({
      method: 'PATCH',
      path: this.#session.location,
      headers: this.#rangeOf(body),
      body,
      allowed: () => [202, ...this.#elsewhere(), ...this.#over()],
      session: this.#session,
    });
  }

  async #put(): Promise<Answer | undefined> {
    const session = this.#session;
    const { repository, location, sent } = session;
    const { digest, bytes } = this.#blob;
    const body = bytes.subarray(this.#offset);
    sent.puts += 1;
    const answer = await this.#caller.ask({
      method: 'PUT',
      path: `${location}&digest=${digest}`,
      headers: this.#rangeOf(body),
      body,
      allowed: () => [201, 503, ...this.#elsewhere(), ...this.#mixed(), ...this.#lost()],
      session,
      promises: { repository, digest },
    });
    if (answer?.status === 201) session.end(this.#caller.stage.clock.now());
    return answer;
  }

  /** What its client does after a fault. @returns whether the session goes on */
  async #goesOn(): Promise<boolean> {
    this.#announces = true;
    switch (this.#pusher.onFault) {
      case 'restart':
        return false;
      case 'repeat':
        return true;
      case 'cancel':
        await cancel(this.#caller, this.#session);
        return false;
      case 'ask': {
        const { status, headers } = await this.#caller.persist({
          method: 'GET',
          path: this.#session.location,
          allowed: () => [204, ...this.#over()],
          session: this.#session,
        });
        if (status !== 204) return false;
        this.#offset = received({ headers });
        return true;
      }
    }
  }

  #rangeOf(body: Uint8Array): Record<string, string> {
    if (!this.#announces || body.length === 0) return {};
    return { 'content-range': `${this.#offset}-${this.#offset + body.length - 1}` };
  }

  /** 416, where another request may have written to the session, or it has been forgotten. */
  #elsewhere(): readonly number[] {
    return this.#session.isSpoiled || this.#isOld() ? [416] : [];
  }

  /** 400, where bytes that did not say where they belong may have come late, or have been forgotten. */
  #mixed(): readonly number[] {
    const isMixed = this.#session.isGivenUp && this.#pusher.as !== 'chunks';
    return isMixed || this.#isOld() ? [400] : [];
  }

  /** 404, where a request was sent that ends the session, or it is old. */
  #over(): readonly number[] {
    const { puts, cancels } = this.#session.sent;
    return puts + cancels > 0 || this.#isOld() ? [404] : [];
  }

  /** 404 to a PUT: one that was done is answered 201 again, as long as the blob is there. */
  #lost(): readonly number[] {
    const { puts, cancels } = this.#session.sent;
    const isDeleted = puts > 1 && this.#caller.stage.somethingIsDeleted;
    return cancels > 0 || isDeleted || this.#isOld() ? [404] : [];
  }

  #isOld(): boolean {
    return this.#session.isOld(this.#caller.stage.clock.now());
  }
}

/** Cancels a session that may be over already. */
export async function cancel(caller: Caller, session: Session): Promise<void> {
  const { location } = session;
  session.sent.cancels += 1;
  const { status } = await caller.persist({
    method: 'DELETE',
    path: location,
    allowed: [204, 404],
    session,
  });
  if (status === 204) session.end(caller.stage.clock.now());
}

/** The bytes that an answer says were received. */
function received({ headers }: Pick<Answer, 'headers'>): number {
  const [, end] = /^0-(\d+)$/.exec(String(headers['range'])) ?? [];
  if (end === undefined) throw new Error(`not what was received: ${headers['range']}`);
  return end === '0' ? 0 : Number(end) + 1;
}
