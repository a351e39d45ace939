// Revocation: a token must not outlive the right it stands for by more than a minute.
//
// A token carries the versions of the documents that it was granted by (`seen`: a project's policy, a robot). Who
// changes such a document writes a marker in the same transaction, so both have one commit time: a token that saw an
// older version is refused. Versions are compared, not clocks. Every instance reads the markers, a handful at most,
// twice a minute.
//
//   - / - / revocations / subject             `change`, to make each write another; gone when no token is older

import { randomUUID } from 'node:crypto';
import { revocationSettleSeconds, revocationsReadSeconds, tokenSeconds } from '../oci/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Document, Documents, Key, Transaction } from '../ports/documents.ts';

/** Subject → the version of its document that was read: its `committedAt`, or 0 where there was none. */
export type Seen = Readonly<Record<string, number>>;

const prefix: Key = ['-', '-', 'revocations'];
const revocationKey = (subject: string): Key => [...prefix, subject];
const pageSize = 1000;

/** What a token remembers a project's policy by. */
export const projectSubject = (project: string): string => `project:${project}`;

/** Refuses tokens that were granted by what this transaction changes. */
export function revoke(transaction: Transaction, subject: string, now: number): void {
  const expiresAt = now + (tokenSeconds + 2 * revocationSettleSeconds) * 1000;
  // Two of one millisecond, by clocks that differ, must not count as one.
  transaction.set(revocationKey(subject), { change: randomUUID() }, { expiresAt });
}

export interface Revocations {
  /**
   * Whether what a token saw has changed since. Reads the markers when those at hand are half a minute old.
   * @throws what the documents throw: who cannot know must not let through
   */
  isRevoked(seen: Seen): Promise<boolean>;
  /**
   * Whether a subject has changed since a token saw it, asked at this moment: for what must not be done once more.
   * @throws what the documents throw
   */
  hasChanged(subject: string, seen: Seen): Promise<boolean>;
}

/**
 * A marker counts only once it has settled: until then whoever issues tokens may still have the document as it was
 * (`recentSeconds`), and would issue tokens that are refused.
 */
export function openRevocations(documents: Documents, clock: Clock): Revocations {
  let markers: ReadonlyMap<string, number> = new Map();
  // What was read the time before has settled meanwhile. A subject that is changed again and again has no marker else
  // that ever does.
  let settledMarkers: ReadonlyMap<string, number> = new Map();
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;
  const read = async () => {
    const startedAt = clock.now();
    const found = await readMarkers(documents);
    [settledMarkers, markers] = [markers, found];
    readAt = startedAt;
  };
  return {
    isRevoked: async (seen) => {
      if (clock.now() - readAt >= revocationsReadSeconds * 1000) {
        reading ??= read().finally(() => {
          reading = undefined;
        });
        await reading;
      }
      const settled = (clock.now() - revocationSettleSeconds * 1000) * 1000;
      for (const subject in seen) {
        const changes = [markers.get(subject) ?? 0, settledMarkers.get(subject) ?? 0];
        const isOlder = (changed: number) => (seen[subject] ?? 0) < changed && changed <= settled;
        if (changes.some(isOlder)) return true;
      }
      return false;
    },
    hasChanged: async (subject, seen) => {
      const marker = await documents.get(revocationKey(subject));
      return marker !== undefined && (seen[subject] ?? 0) < marker.committedAt;
    },
  };
}

async function readMarkers(documents: Documents): Promise<Map<string, number>> {
  const markers = new Map<string, number>();
  let page: Document[];
  let after: Key | undefined;
  do {
    page = await documents.list({ prefix, after, limit: pageSize });
    for (const { key, committedAt } of page) markers.set(key.at(-1) ?? '', committedAt);
    after = page.at(-1)?.key;
  } while (page.length === pageSize);
  return markers;
}
