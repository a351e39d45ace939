// The book of what clients were told. A thing (a tag, a manifest, a blob of a repository) holds a digest or nothing;
// a request writes one thing or several at once. What a request was to write may stand as long as nothing that was
// acknowledged began after it had ended; a request that was in flight when the registry died ended with it.

import assert from 'node:assert/strict';

/** `tag repository name`, `manifest repository digest` or `blob repository digest`. */
export type Thing = string;
/** A digest; `undefined` is absence. A manifest or a blob that is there holds its own digest. */
export type Held = string | undefined;

export const tagThing = (repository: string, tag: string): Thing => `tag ${repository} ${tag}`;
export const manifestThing = (repository: string, digest: string): Thing =>
  `manifest ${repository} ${digest}`;
export const blobThing = (repository: string, digest: string): Thing =>
  `blob ${repository} ${digest}`;

/** A thing's kind, repository, and name in it. */
export function partsOf(thing: Thing): { kind: string; repository: string; name: string } {
  const [kind = '', repository = '', name = ''] = thing.split(' ');
  return { kind, repository, name };
}

/** A request that is to change something, from its sending on. */
export interface Pending {
  /** What it is, for a person. */
  readonly what: string;
  acknowledge(): void;
  /** It was answered with a refusal, or changed nothing: as if it had never been. */
  withdraw(): void;
}

interface Change {
  readonly what: string;
  readonly writes: ReadonlyMap<Thing, Held>;
  readonly began: number;
  /** Infinite while it is in flight. */
  ended: number;
  acknowledged: boolean;
}

/** What a round's kill met, and what became of it. */
export interface Fate {
  readonly what: string;
  /** `unclear` where others wrote the same things meanwhile, or it changed nothing. */
  readonly became: 'done' | 'undone' | 'unclear';
}

const nothing: Change = {
  what: 'nothing',
  writes: new Map(),
  began: -1,
  ended: -1,
  acknowledged: true,
};

export class Ledger {
  #time = 0;
  readonly #changes = new Map<Thing, Change[]>();
  readonly #pending = new Set<Change>();
  #interrupted: Change[] = [];

  /** A request is about to be sent. @param writes what each thing holds once it is done, all or none of them */
  begin(what: string, writes: Iterable<readonly [Thing, Held]>): Pending {
    const change: Change = {
      what,
      writes: new Map(writes),
      began: this.#tick(),
      ended: Number.POSITIVE_INFINITY,
      acknowledged: false,
    };
    for (const thing of change.writes.keys()) this.#of(thing).push(change);
    this.#pending.add(change);
    return {
      what,
      acknowledge: () => {
        change.ended = this.#tick();
        change.acknowledged = true;
        this.#pending.delete(change);
      },
      withdraw: () => {
        this.#pending.delete(change);
        for (const thing of change.writes.keys()) {
          this.#changes.set(
            thing,
            this.#of(thing).filter((other) => other !== change),
          );
        }
      },
    };
  }

  /** The registry has died, and every answer that it gave has been read. @returns what was in flight */
  crash(): readonly string[] {
    const time = this.#tick();
    for (const change of this.#pending) change.ended = time;
    this.#interrupted.push(...this.#pending);
    const inFlight = [...this.#pending].map(({ what }) => what);
    this.#pending.clear();
    return inFlight;
  }

  things(): Thing[] {
    return [...this.#changes.keys()];
  }

  /** The things whose state is not certain, or was written since it was last seen. */
  unseen(): Thing[] {
    return this.things().filter((thing) =>
      this.#of(thing).some(({ what }) => what !== 'a look at it'),
    );
  }

  /** All that the thing may hold now. */
  possible(thing: Thing): Set<Held> {
    const changes = [nothing, ...this.#of(thing)];
    const standing = changes.filter(
      ({ ended }) => !changes.some((later) => later.acknowledged && later.began > ended),
    );
    return new Set(standing.map(({ writes }) => writes.get(thing)));
  }

  /** What the thing holds, where that is certain. */
  certain(thing: Thing): Held {
    const possible = [...this.possible(thing)];
    return possible.length === 1 ? possible[0] : undefined;
  }

  /** Holds what was found against the book, and writes it down: from now on it holds that and nothing else. */
  see(found: ReadonlyMap<Thing, Held>): void {
    for (const [thing, held] of found) {
      const possible = this.possible(thing);
      assert.ok(possible.has(held), this.#tell(thing, held));
    }
    for (const [thing, held] of found) {
      const time = this.#tick();
      const seen = { what: 'a look at it', writes: new Map([[thing, held]]) };
      this.#changes.set(thing, [{ ...seen, began: time, ended: time, acknowledged: true }]);
    }
  }

  /**
   * What became of the requests that were in flight when the registry died, told from what was found.
   * To be asked before {@link see}, which forgets them. @throws AssertionError when one was done by half
   */
  fates(found: ReadonlyMap<Thing, Held>): Fate[] {
    const interrupted = this.#interrupted;
    this.#interrupted = [];
    return interrupted.map((change) => {
      const outcomes = new Set(
        [...change.writes]
          .filter(([thing]) => found.has(thing) && this.#isAloneIn(change, thing))
          .map(([thing, held]) => (found.get(thing) === held ? 'done' : 'undone')),
      );
      const shown = [...change.writes].map(([thing]) => `${thing} = ${found.get(thing)}`);
      assert.ok(outcomes.size < 2, `${change.what} was done by half: ${shown.join(', ')}`);
      const [became = 'unclear'] = outcomes;
      return { what: change.what, became };
    });
  }

  /** Whether what the thing holds tells if the change was done: it changes something, and no other may have. */
  #isAloneIn(change: Change, thing: Thing): boolean {
    const possible = this.possible(thing);
    const rivals = this.#of(thing).filter(
      (other) => other !== change && !other.acknowledged && other.ended >= change.began,
    );
    const since = this.#of(thing).some(
      (other) => other !== change && other.acknowledged && other.ended > change.began,
    );
    return (
      possible.size === 2 && possible.has(change.writes.get(thing)) && !since && !rivals.length
    );
  }

  #tell(thing: Thing, held: Held): string {
    const history = this.#of(thing).map(
      ({ what, writes, began, ended, acknowledged }) =>
        `  ${began}-${ended} ${acknowledged ? 'acknowledged' : 'in flight'}: ${what} → ${writes.get(thing)}`,
    );
    const possible = [...this.possible(thing)].map(String).join(' or ');
    return [`${thing} holds ${held}, and must hold ${possible}`, ...history].join('\n');
  }

  #of(thing: Thing): Change[] {
    const known = this.#changes.get(thing) ?? [];
    this.#changes.set(thing, known);
    return known;
  }

  #tick(): number {
    this.#time += 1;
    return this.#time;
  }
}
