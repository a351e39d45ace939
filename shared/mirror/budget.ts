// How much may come of an upstream in an hour, all instances together.

import type { Clock } from '../ports/clock.ts';
import type { Documents } from '../ports/documents.ts';
import { read, write } from '../registry/records.ts';
import { mirrorBudgetKey } from './layout.ts';
import { UpstreamFailure } from './upstream-failure.ts';

const hourMs = 60 * 60 * 1000;

export class ByteBudget {
  readonly #store: { readonly documents: Documents; readonly clock: Clock };
  readonly #bytesPerHour: number;

  /** @param bytesPerHour 0 for no limit, which costs nothing */
  constructor(
    store: { readonly documents: Documents; readonly clock: Clock },
    bytesPerHour: number,
  ) {
    this.#store = store;
    this.#bytesPerHour = bytesPerHour;
  }

  /** Takes so many of this hour's bytes. @throws UpstreamFailure when they are spent */
  async spend(upstream: string, bytes: number): Promise<void> {
    if (this.#bytesPerHour === 0) return;
    const { documents, clock } = this.#store;
    const now = clock.now();
    const hour = now - (now % hourMs);
    const isSpent = await documents.transact(async (transaction) => {
      const spent = (await read(transaction, mirrorBudgetKey(upstream, hour)))?.spent ?? 0;
      // What is larger than the whole of it comes when nothing else has.
      if (spent > 0 && spent + bytes > this.#bytesPerHour) return true;
      const record = { spent: spent + bytes };
      const expiresAt = hour + 2 * hourMs;
      write(transaction, mirrorBudgetKey(upstream, hour), record, { expiresAt });
      return false;
    });
    if (!isSpent) return;
    throw new UpstreamFailure('what may come of it in an hour has come', {
      retryAfterSeconds: Math.ceil((hour + hourMs - now) / 1000),
    });
  }
}
