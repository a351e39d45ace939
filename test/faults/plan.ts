// Plans, as fast-check makes them of a seed: who takes part, how things stand, who goes on when, and the faults.

import fc from 'fast-check';
import { graceSeconds, relayLeaseSeconds } from '#shared/oci/limits.ts';
import type { Plan as ModelPlan } from '#test/model/model.ts';
import { beginnings, scheduleOf } from '#test/model/plan.ts';
import type { Event } from '#test/model/schedule.ts';
import {
  type ImageName,
  type RepositoryNickname,
  repositoryNames,
  type TagName,
  tagNames,
} from '#test/model/universe.ts';
import { failures, type Operation, type PlannedFault } from './faults.ts';

export interface Pusher {
  readonly kind: 'pusher';
  /**
   * post: one POST. containerd: POST, PUT. docker: POST, PATCH, PUT. pieces: two PATCHes. chunks: two with
   * their ranges. tail: a PATCH, and the rest with the PUT.
   */
  readonly as: 'post' | 'containerd' | 'docker' | 'pieces' | 'chunks' | 'tail';
  /** What it does in a session that met a fault: begins anew, asks, sends the same again, or cancels first. */
  readonly onFault: 'restart' | 'ask' | 'repeat' | 'cancel';
  readonly isRobot: boolean;
  /** Tries to mount from there first, instead of asking whether the blob is there. */
  readonly mountFrom?: RepositoryNickname | undefined;
  readonly into: RepositoryNickname;
  readonly image: ImageName;
  readonly tag: TagName;
}

/** Begins an upload and cancels it. */
export interface Quitter {
  readonly kind: 'quitter';
  readonly into: RepositoryNickname;
}

/** Pulls an image, looks at lists, and logs in. */
export interface Reader {
  readonly kind: 'reader';
  readonly from: RepositoryNickname;
  readonly tag: TagName;
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
  /** So long it waits before each time. */
  readonly seconds: number;
}

/** Publishes what is to be told: of one repository, or of all. */
export interface Relayer {
  readonly kind: 'relayer';
  readonly of: RepositoryNickname | undefined;
  readonly times: number;
}

export type Actor = Pusher | Quitter | Reader | Deleter | Collector | Relayer;

export interface Plan {
  readonly beginnings: ModelPlan['beginnings'];
  readonly actors: readonly Actor[];
  /** Empty: one client after another. */
  readonly schedule: readonly Event[];
  readonly faults: readonly PlannedFault[];
}

const oneOf = <T>(...choices: readonly T[]) => fc.constantFrom(...choices);

const image = fc.oneof(
  { weight: 20, arbitrary: oneOf<ImageName>('red', 'blue') },
  // Half a megabyte is slow.
  { weight: 1, arbitrary: fc.constant<ImageName>('big') },
);
const repository = oneOf<RepositoryNickname>('one/a', 'one/a', ...repositoryNames);
const tag = oneOf(...tagNames);

const pusher: fc.Arbitrary<Pusher> = fc.record({
  kind: fc.constant('pusher'),
  as: oneOf('post', 'containerd', 'docker', 'pieces', 'chunks', 'tail'),
  onFault: oneOf('restart', 'ask', 'repeat', 'cancel'),
  isRobot: oneOf(false, false, true),
  mountFrom: fc.option(repository, { nil: undefined, freq: 3 }),
  into: repository,
  image,
  tag,
});

const quitter: fc.Arbitrary<Quitter> = fc.record({
  kind: fc.constant('quitter'),
  into: repository,
});

const reader: fc.Arbitrary<Reader> = fc.record({
  kind: fc.constant('reader'),
  from: repository,
  tag,
});

const deleter: fc.Arbitrary<Deleter> = fc.record({
  kind: fc.constant('deleter'),
  from: repository,
  image,
  tag,
  what: fc.array(oneOf('blobs', 'manifest', 'tag'), { minLength: 1, maxLength: 3 }),
});

const collector: fc.Arbitrary<Collector> = fc.record({
  kind: fc.constant('collector'),
  times: oneOf(1, 3),
  seconds: oneOf(0, graceSeconds + 1),
});

const relayer: fc.Arbitrary<Relayer> = fc.record({
  kind: fc.constant('relayer'),
  of: fc.option(repository, { nil: undefined, freq: 2 }),
  times: oneOf(1, 2),
});

const actors: fc.Arbitrary<readonly Actor[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: pusher },
    { weight: 1, arbitrary: quitter },
    { weight: 2, arbitrary: reader },
    { weight: 2, arbitrary: deleter },
    { weight: 2, arbitrary: collector },
    { weight: 2, arbitrary: relayer },
  ),
  { minLength: 1, maxLength: 3, size: 'max' },
);

const changing = ['transact', 'transact', 'write', 'bytes', 'publish'] as const;

const fault: fc.Arbitrary<PlannedFault> = fc.record({
  // Most operations are plain reads, of which there is little to fear.
  only: oneOf<Operation | undefined>(undefined, undefined, ...changing),
  after: oneOf(0, 0, 1, 2, 3, 5, 8, 13, 21, 34),
  fate: fc.nat({ max: 59 }),
  failure: fc.nat({ max: failures.length - 1 }),
  seconds: oneOf(0, 0, 0, 10, 60, 600),
});

const hour = 3600;

/** How long time passes at once: most of it just beyond a limit. */
const seconds = oneOf(1, relayLeaseSeconds + 1, hour, graceSeconds + 1, 13 * hour, 25 * hour);

/** Nobody dies: who is left standing would keep a connection. Clients that give up waiting do as well. */
const schedule: fc.Arbitrary<readonly Event[]> = scheduleOf(seconds).map((events) =>
  events.map((event) => (event.kind === 'crash' ? { ...event, kind: 'go' } : event)),
);

export const plan: fc.Arbitrary<Plan> = fc.record({
  beginnings,
  actors,
  schedule: fc.oneof(fc.constant([]), schedule),
  faults: fc.array(fault, { minLength: 1, maxLength: 8, size: 'max' }),
});
