// Secrets that were right a while ago, by an HMAC whose key this process alone has: its memory tells nobody what they are.

import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../ports/clock.ts';

export class RightSecrets {
  readonly #key = randomBytes(32);
  readonly #until = new Map<string, number>();
  readonly #clock: Clock;
  readonly #seconds: number;
  readonly #max: number;

  /** @param options.seconds how long one is known; @param options.max how many are: above, the one added longest ago goes */
  constructor(clock: Clock, options: { readonly seconds: number; readonly max: number }) {
    this.#clock = clock;
    this.#seconds = options.seconds;
    this.#max = options.max;
  }

  /** What a secret is known by here. @param secret with what it is the secret of */
  idOf(...secret: readonly string[]): string {
    return createHmac('sha256', this.#key).update(JSON.stringify(secret)).digest('base64');
  }

  has(id: string): boolean {
    return (this.#until.get(id) ?? 0) > this.#clock.now();
  }

  add(id: string): void {
    // Written anew it stands last.
    this.#until.delete(id);
    if (this.#until.size >= this.#max) this.#until.delete(this.#until.keys().next().value ?? '');
    this.#until.set(id, this.#clock.now() + this.#seconds * 1000);
  }

  remove(id: string): void {
    this.#until.delete(id);
  }
}
