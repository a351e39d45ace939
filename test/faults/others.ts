// Who does other things than pushing: pulls, logs in, deletes, begins an upload and cancels it, collects, relays.

import { digestOf } from '#shared/oci/digest.ts';
import { relayLeaseSeconds } from '#shared/oci/limits.ts';
import { collectOnce } from '#shared/registry/collect.ts';
import { type RelayServices, relayRepository } from '#shared/registry/relay.ts';
import { sweepOutbox } from '#shared/registry/sweep.ts';
import { Violation } from '#test/model/schedule.ts';
import { images, nicknameOf, repositoryOf, tagOf } from '#test/model/universe.ts';
import type { Answer } from '#test/support/calls.ts';
import { removing, unlinking, untagging } from './book.ts';
import type { Caller } from './caller.ts';
import type { Collector, Deleter, Quitter, Reader, Relayer } from './plan.ts';
import { cancel } from './pusher.ts';

export async function quit(caller: Caller, { into }: Quitter): Promise<void> {
  const { stage } = caller;
  const path = `/v2/${into}/blobs/uploads/`;
  const { headers } = await caller.persist({ method: 'POST', path, allowed: [202] });
  const repository = repositoryOf(stage.location, into);
  const session = stage.sessions.open(repository, String(headers.location), stage.clock.now());
  const { location } = session;
  const allowed = [202, 404];
  await caller.ask({ method: 'PATCH', path: location, body: 'never mind', allowed, session });
  await cancel(caller, session);
  await caller.persist({
    method: 'GET',
    path: location,
    allowed: () => (session.isOld(stage.clock.now()) ? [404, 204] : [404]),
    session,
  });
}

export async function read(caller: Caller, { from, tag }: Reader): Promise<void> {
  const of = `/v2/${from}`;
  const manifest = `${of}/manifests/${tag}`;
  await caller.persist({ method: 'HEAD', path: manifest, allowed: [200, 404] });
  const pulled = await caller.persist({ method: 'GET', path: manifest, allowed: [200, 404] });
  if (pulled.status === 200) await pullBlobs(caller, of, pulled);
  const lists = [`${of}/tags/list`, '/v2/_catalog', `${of}/referrers/${images.red.digest}`];
  for (const path of lists) {
    await caller.persist({ method: 'GET', path, allowed: [200, 404] });
  }
  for (const authorization of caller.stage.robots.values()) {
    await caller.persist({ method: 'GET', path: '/v2/token', authorization, allowed: [200] });
  }
  await caller.persist({ method: 'GET', path: '/readyz', allowed: [200, 503] });
}

async function pullBlobs(caller: Caller, of: string, pulled: Answer): Promise<void> {
  checkDigest(pulled, String(pulled.headers['docker-content-digest']));
  const image = Object.values(images).find(({ bytes }) => pulled.body.equals(bytes));
  const allowed = caller.stage.somethingIsDeleted ? [200, 307, 404] : [200, 307];
  for (const { digest } of image?.blobs ?? []) {
    const path = `${of}/blobs/${digest}`;
    const blob = await caller.persist({ method: 'GET', path, allowed });
    if (blob.status !== 404) checkDigest(await followed(blob), digest);
  }
}

/** The blob itself, where the answer says that it lies elsewhere. */
export async function followed(answer: Answer): Promise<Pick<Answer, 'body'>> {
  if (answer.status !== 307) return answer;
  const found = await fetch(String(answer.headers.location));
  return { body: Buffer.from(await found.arrayBuffer()) };
}

/** @throws Violation when it is not what it says it is */
export function checkDigest({ body }: Pick<Answer, 'body'>, digest: string): void {
  if (digestOf(body) === digest) return;
  throw new Violation(`what was pulled as ${nicknameOf(digest)} is something else`);
}

export async function remove(caller: Caller, deleter: Deleter): Promise<void> {
  const repository = repositoryOf(caller.stage.location, deleter.from);
  const { name } = repository;
  const { digest, blobs } = images[deleter.image];
  const of = `/v2/${name}`;
  const method = 'DELETE';
  for (const what of deleter.what) {
    if (what === 'tag') {
      const { tag } = tagOf(deleter.tag);
      const change = untagging(name, deleter.tag);
      const path = `${of}/manifests/${tag}`;
      await caller.persist({ method, path, allowed: [202, 404], change });
    } else if (what === 'manifest') {
      const change = removing(name, digest);
      const deletes = { repository, digest };
      const path = `${of}/manifests/${digest}`;
      await caller.persist({ method, path, allowed: [202, 404], change, deletes });
    } else {
      for (const blob of blobs) {
        const deletes = { repository, digest: blob.digest };
        const path = `${of}/blobs/${blob.digest}`;
        const change = unlinking(name, blob.digest);
        await caller.persist({ method, path, allowed: [202, 404, 405], change, deletes });
      }
    }
  }
}

/** Runs the collector; a run that failed, whole or in part, is repeated. */
export async function collect(caller: Caller, { times, seconds }: Collector): Promise<void> {
  const { location, clock } = caller.stage;
  for (let time = 1; time <= times; time += 1) {
    clock.advance(seconds * 1000);
    await caller.until(async () => {
      const collected = await caller.run('collect', (store) => collectOnce(store, location));
      return collected?.failures.length === 0 ? true : undefined;
    });
  }
}

/** Relays; a run that failed, whole or in part, is repeated, when its lease is over. */
export async function relay(caller: Caller, { of, times }: Relayer): Promise<void> {
  const { location, clock } = caller.stage;
  const body = async (services: RelayServices) => {
    if (of === undefined) return sweepOutbox(services, location);
    await relayRepository(services, repositoryOf(location, of));
    return { failures: [] };
  };
  for (let time = 1; time <= times; time += 1) {
    await caller.until(async () => {
      const relayed = await caller.run(of === undefined ? 'sweep' : `relay ${of}`, body);
      if (relayed?.failures.length === 0) return true;
      clock.advance(relayLeaseSeconds * 1000);
      return undefined;
    });
  }
}
