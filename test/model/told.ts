// The book that is kept of what clients were told, to hold the registry to it.

import type { Digest } from '#shared/oci/digest.ts';
import { leaseRenewSeconds } from '#shared/oci/limits.ts';
import type { Clock } from '#shared/ports/clock.ts';
import type { Repository } from '#shared/registry/layout.ts';
import { type Began, Violation } from './schedule.ts';
import { nicknameOf } from './universe.ts';

const keyOf = ({ name }: Repository, digest: Digest) => `${name} ${digest}`;

export class Told {
  readonly #clock: Clock;
  /** Manifests of which a client heard that they were pushed, and the turn of that push's commit. */
  readonly #pushed = new Map<string, number>();
  /** The turn in which a manifest was deleted last; likewise a blob. */
  readonly #deleted = new Map<string, number>();
  /** Blobs that a client heard it need not upload: when the request that said so began, and its answer's turn. */
  readonly #promised = new Map<string, { readonly began: Began; readonly heardIn: number }[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  pushed(repository: Repository, manifest: Digest, turn: number): void {
    const key = keyOf(repository, manifest);
    this.#pushed.set(key, Math.max(turn, this.#pushed.get(key) ?? 0));
  }

  deleted(repository: Repository, digest: Digest, turn: number): void {
    this.#deleted.set(keyOf(repository, digest), turn);
  }

  promised(repository: Repository, blob: Digest, began: Began, heardIn: number): void {
    const key = keyOf(repository, blob);
    this.#promised.set(key, [...(this.#promised.get(key) ?? []), { began, heardIn }]);
  }

  /** The manifests, as `repository digest`, that must be there. */
  manifests(): string[] {
    const there = [...this.#pushed].filter(([key, turn]) => turn > (this.#deleted.get(key) ?? -1));
    return there.map(([key]) => key);
  }

  /**
   * A manifest was refused because its repository does not hold a blob. What was promised while the push
   * was under way does not count: it may have been refused before that.
   * @throws Violation when it must hold it
   */
  missed(repository: Repository, blob: Digest, push: Began): void {
    const key = keyOf(repository, blob);
    const secondsSince = (began: Began) => (this.#clock.now() - began.at) / 1000;
    const promise = (this.#promised.get(key) ?? []).find(
      ({ began, heardIn }) =>
        heardIn <= push.turn &&
        began.turn > (this.#deleted.get(key) ?? -1) &&
        secondsSince(began) <= leaseRenewSeconds,
    );
    if (promise === undefined) return;
    throw new Violation(
      `MANIFEST_BLOB_UNKNOWN for ${nicknameOf(blob)} in ${repository.name}, ${secondsSince(promise.began)} s after a client was told that it is there`,
    );
  }
}
