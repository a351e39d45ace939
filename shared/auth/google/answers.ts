// What Google answered lately, kept by a keyed hash of what was asked, so that no credential lies in memory as a key,
// and none can be told from a dump by trying.

import { createHmac, randomBytes } from 'node:crypto';
import { googleAnswersMax } from '../../oci/limits.ts';
import type { Clock } from '../../ports/clock.ts';

/** Of this process alone. */
const hashKey = randomBytes(32);

/** A name for what was asked, which does not tell it. */
export function questionHash(...parts: readonly string[]): string {
  return createHmac('sha256', hashKey).update(JSON.stringify(parts)).digest('base64');
}

export interface KeptAnswer<T> {
  readonly answer: T;
  /** A refusal is kept apart, so that a flood of wrong credentials does not push out the right ones. */
  readonly refused: boolean;
  /** Milliseconds since 1970 until which it is relied on. */
  readonly until: number;
}

/** Answers in bounded number, oldest out first. Who asks what is being asked already waits for that answer. */
export class RecentAnswers<T> {
  readonly #clock: Clock;
  readonly #granted = new Map<string, KeptAnswer<T>>();
  readonly #refused = new Map<string, KeptAnswer<T>>();
  readonly #asked = new Map<string, Promise<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param hash of the question: `questionHash`
   * @throws what `question` throws, of which nothing is kept
   */
  async ask(hash: string, question: () => Promise<KeptAnswer<T>>): Promise<T> {
    const kept = this.#granted.get(hash) ?? this.#refused.get(hash);
    if (kept !== undefined && this.#clock.now() < kept.until) return kept.answer;
    this.#granted.delete(hash);
    this.#refused.delete(hash);
    const asked = this.#asked.get(hash);
    if (asked !== undefined) return await asked;
    const asking = this.#askAndKeep(hash, question).finally(() => this.#asked.delete(hash));
    this.#asked.set(hash, asking);
    return await asking;
  }

  async #askAndKeep(hash: string, question: () => Promise<KeptAnswer<T>>): Promise<T> {
    const fresh = await question();
    const answers = fresh.refused ? this.#refused : this.#granted;
    for (const oldest of answers.keys()) {
      if (answers.size < googleAnswersMax) break;
      answers.delete(oldest);
    }
    answers.set(hash, fresh);
    return fresh.answer;
  }
}
