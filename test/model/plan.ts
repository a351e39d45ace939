// Plans, as fast-check makes them: who takes part, how things stand at the beginning, and the schedule.

import fc from 'fast-check';
import { graceSeconds } from '#shared/oci/limits.ts';
import type { Actor, Collector, Deleter, Pusher } from './actors.ts';
import type { Beginning, Plan } from './model.ts';
import type { Event, Reach } from './schedule.ts';
import { type ImageName, repositoryNames, tagNames } from './universe.ts';

/** Choices stand in the order in which fast-check shrinks: the first is the simplest. */
export const oneOf = <T>(...choices: readonly T[]) => fc.constantFrom(...choices);

const beginning = oneOf<Beginning>(
  'nothing',
  'linked',
  'tagged',
  'condemned',
  'grace over',
  'deleting',
  'orphaned',
);

const image = oneOf<ImageName>('red', 'red', 'red', 'blue', 'blue', 'big');

const pusher: fc.Arbitrary<Pusher> = fc.record({
  kind: fc.constant('pusher'),
  as: oneOf('post', 'containerd', 'docker', 'chunks'),
  mountFrom: fc.option(oneOf(...repositoryNames), { nil: undefined }),
  into: oneOf(...repositoryNames),
  image,
  tag: oneOf(...tagNames),
  retries: oneOf(0, 2),
});

const deleter: fc.Arbitrary<Deleter> = fc.record({
  kind: fc.constant('deleter'),
  from: oneOf(...repositoryNames),
  image,
  tag: oneOf(...tagNames),
  what: fc.array(oneOf('blobs', 'manifest', 'tag'), { minLength: 1, maxLength: 3 }),
});

const collector: fc.Arbitrary<Collector> = fc.record({
  kind: fc.constant('collector'),
  times: oneOf(3, 6),
});

const actors: fc.Arbitrary<readonly Actor[]> = fc
  .tuple(
    fc.array(fc.oneof({ weight: 3, arbitrary: pusher }, { weight: 1, arbitrary: deleter }), {
      minLength: 1,
      maxLength: 3,
    }),
    fc.array(collector, { minLength: 1, maxLength: 2 }),
    fc.nat({ max: 2 }),
  )
  .map(([clients, collectors, places]) => [
    ...collectors,
    ...(places === 0 ? clients : clients.map(inFewPlaces)),
  ]);

/** In most runs all do the same things in the same places: actors that never meet show nothing. */
function inFewPlaces<A extends Pusher | Deleter>(actor: A): A {
  const few = <T>(place: T) => (place === 'one/b' ? 'one/a' : place);
  const places =
    actor.kind === 'pusher'
      ? { into: few(actor.into), mountFrom: few(actor.mountFrom) }
      : { from: few(actor.from) };
  return { ...actor, ...places, image: actor.image === 'blue' ? 'red' : actor.image };
}

/** Collectors sit in the first one or two seats: half of all turns are theirs. */
const who = oneOf(0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5);

/** Bursts: who is never left alone with the store for a while meets few of the rare moments. */
const reach = oneOf<Reach>('end', 1, 2, 3, 4, 5, 8, 'change', 'change', 'end');

const anHour = 3600;

/** From a moment to a day; most of them lie just beyond a limit of the protocol. */
const seconds = oneOf(
  1,
  graceSeconds / 4 + 1,
  graceSeconds / 2 + 1,
  anHour,
  graceSeconds + 1,
  12 * anHour - 1,
  13 * anHour,
  23 * anHour,
  25 * anHour,
);

/**
 * What happens, in its order. Who plays is chosen from six seats, the first three of which play most.
 * @param seconds how long who waits or freezes does
 */
export function scheduleOf(seconds: fc.Arbitrary<number>): fc.Arbitrary<readonly Event[]> {
  const wait = fc.record({ kind: fc.constant('wait'), seconds });
  return fc
    .array(
      fc.oneof(
        eventOf(seconds).map((one) => [one]),
        overtaking(wait),
      ),
      {
        minLength: 1,
        maxLength: 16,
        size: 'max',
      },
    )
    .map((events) => events.flat());
}

type Wait = Event & { readonly kind: 'wait' };

const eventOf = (seconds: fc.Arbitrary<number>): fc.Arbitrary<Event> =>
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('go'), who, reach }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait'), seconds }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash'), who, reach }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('freeze'),
        who,
        reach,
        seconds,
        hangUp: fc.boolean(),
      }),
    },
  );

const finish = fc.record({ kind: fc.constant('go'), who, reach: fc.constant('end') });

/** What most dangers are made of: a request stops on its way, others finish theirs meanwhile, and it goes on. */
const overtaking = (wait: fc.Arbitrary<Wait>): fc.Arbitrary<readonly Event[]> =>
  fc
    .record({
      slow: who,
      reach: fc.integer({ min: 1, max: 9 }),
      isGivenUp: oneOf(false, false, true),
      meanwhile: fc.array(
        fc.oneof({ weight: 2, arbitrary: finish }, { weight: 1, arbitrary: wait }),
        {
          minLength: 1,
          maxLength: 4,
        },
      ),
    })
    .map(({ slow, reach, isGivenUp, meanwhile }) => [
      isGivenUp
        ? { kind: 'freeze', who: slow, reach, seconds: 1, hangUp: true }
        : { kind: 'go', who: slow, reach },
      ...meanwhile,
      { kind: 'go', who: slow, reach: 'end' },
    ]);

export const beginnings: fc.Arbitrary<Plan['beginnings']> = fc.record({
  one: beginning,
  two: beginning,
});

export const plan: fc.Arbitrary<Plan> = fc.record({
  replaces: oneOf(true, false),
  beginnings,
  actors,
  schedule: scheduleOf(seconds),
});
