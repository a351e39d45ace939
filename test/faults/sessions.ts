// The book of upload sessions: none is stuck, and what they received goes with them.

import { sessionSecondsMax } from '#shared/oci/limits.ts';
import type { Blobs } from '#shared/ports/blobs.ts';
import type { Document } from '#shared/ports/documents.ts';
import type { Repository } from '#shared/registry/layout.ts';
import type { UploadRecord } from '#shared/registry/records.ts';
import { Violation } from '#test/model/schedule.ts';

/** A session as its client knows it. */
export class Session {
  readonly repository: Repository;
  /** As the registry gave it: path and query. */
  readonly location: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** A request of it met a fault or lost its client: what it wrote may be anybody's guess. */
  isSpoiled = false;
  /** A client gave up waiting for a request of it, which may still be under way. */
  isGivenUp = false;
  /** It was finished or cancelled, and with it its parts are gone. */
  isEnded = false;
  /** So many PUTs were sent that close it, and DELETEs that cancel it. */
  readonly sent = { puts: 0, cancels: 0 };

  constructor(repository: Repository, location: string, startedAt: number) {
    this.repository = repository;
    this.location = location;
    this.startedAt = startedAt;
  }

  /** A client was told that it is over. What is old may have been forgotten before, and its parts expire as it did. */
  end(now: number): void {
    if (!this.isOld(now)) this.isEnded = true;
  }

  /**
   * Whether a request that is under way may see it forgotten, by half a day's wait or more. What such a request
   * is answered is anybody's guess; where Berth is deployed it would have been ended long before.
   */
  isOld(now: number): boolean {
    return now - this.startedAt >= (sessionSecondsMax * 1000) / 2;
  }

  get id(): string {
    return /\/uploads\/([^?/~]+)/.exec(this.location)?.[1] ?? '';
  }
}

export class Sessions {
  readonly #blobs: Blobs;
  readonly #known = new Map<string, Session>();

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  open(repository: Repository, location: string, now: number): Session {
    const session = new Session(repository, location, now);
    this.#known.set(session.id, session);
    return session;
  }

  /** Those of which no client heard that they are over. */
  unended(): Session[] {
    return [...this.#known.values()].filter(({ isEnded }) => !isEnded);
  }

  /** Whatever happened: what an open session says it received is there. @throws Violation */
  async checkSafety(documents: readonly Document[]): Promise<void> {
    for (const { key, value } of documents) {
      if (key[2] !== 'uploads') continue;
      const [location = '', project = '', , , session = ''] = key;
      for (const { id, size } of (value as UploadRecord).parts) {
        const found = await this.#blobs.stat([location, project, 'parts', session, id]);
        if (found?.size === size) continue;
        throw new Violation(`an open session recorded a part of ${size} bytes, which is not there`);
      }
    }
  }

  /** When all is over: parts are left of sessions alone that met a fault; those expire. @throws Violation */
  async checkLeft(location: string, projects: readonly string[]): Promise<void> {
    for (const project of projects) {
      for await (const { name } of this.#blobs.list([location, project])) {
        if (name[2] === 'blobs') continue;
        const session = name[2] === 'parts' ? this.#known.get(name[3] ?? '') : undefined;
        if (session?.isSpoiled || (session !== undefined && !session.isEnded)) continue;
        throw new Violation(`a session left ${name.slice(2).join('/')}, though it met no fault`);
      }
    }
  }
}
