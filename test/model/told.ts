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
  /** Blobs that a client heard it need not upload, and when the request that said so began. */
  readonly #promised = new Map<string, Began>();

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

  promised(repository: Repository, blob: Digest, began: Began): void {
    const key = keyOf(repository, blob);
    if (began.turn > (this.#promised.get(key)?.turn ?? -1)) this.#promised.set(key, began);
  }

  /** The manifests, as `repository digest`, that must be there. */
  manifests(): string[] {
    const there = [...this.#pushed].filter(([key, turn]) => turn > (this.#deleted.get(key) ?? -1));
    return there.map(([key]) => key);
  }

  /** A manifest was refused because its repository does not hold a blob. @throws Violation when it must */
  missed(repository: Repository, blob: Digest): void {
    const key = keyOf(repository, blob);
    const promise = this.#promised.get(key);
    if (promise === undefined || (this.#deleted.get(key) ?? -1) >= promise.turn) return;
    const seconds = (this.#clock.now() - promise.at) / 1000;
    if (seconds > leaseRenewSeconds) return;
    throw new Violation(
      `MANIFEST_BLOB_UNKNOWN for ${nicknameOf(blob)} in ${repository.name}, ${seconds} s after a client was told that it is there`,
    );
  }
}
