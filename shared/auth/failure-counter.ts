// Failures under one key: how many there were, and until when the next attempt has to wait (failed-logins.ts).

import { RegistryError } from '../oci/errors.ts';
import {
  failedLoginsKeptMax,
  failedLoginsSeconds,
  freeFailuresTimes,
  loginsWaitingMax,
  loginWaitSecondsMax,
  sharedFailuresMs,
  sharedFailuresReadMs,
} from '../oci/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Documents, Key } from '../ports/documents.ts';

export type FailureKind = keyof typeof freeFailuresTimes;

type FailureIds = Readonly<Partial<Record<FailureKind, string>>>;

export interface FailureServices {
  readonly documents: Documents;
  readonly clock: Clock;
  /** Failures of a name from a network that make nobody wait; of others, `freeFailuresTimes` as many. */
  readonly freeFailures: number;
}

/** What all instances share of a key. */
type FailedLoginsRecord = {
  readonly count: number;
  /** Milliseconds since 1970 at which the wait is over. */
  readonly until: number;
};

/** `- / - / failedLogins / id`: it belongs to no project (shared/registry/layout.ts). */
const failedLoginKey = (id: string): Key => ['-', '-', 'failedLogins', id];

/** The counters of this instance. Of each kind it keeps `failedLoginsKeptMax`, and forgets the oldest. */
export class FailureCounters {
  readonly #services: FailureServices;
  readonly #kept: Record<FailureKind, Map<string, FailureCounter>> = {
    pair: new Map(),
    network: new Map(),
    name: new Map(),
  };

  constructor(services: FailureServices) {
    this.#services = services;
  }

  /**
   * Waits while others are being checked that may fail, and then holds a place under each key.
   * @returns what is to be released
   * @throws RegistryError TOOMANYREQUESTS while a wait is on
   */
  async admit(ids: FailureIds): Promise<readonly FailureCounter[]> {
    for (;;) {
      // Asked for anew after each wait: it may have been forgotten meanwhile.
      const counters = this.#of(ids);
      const waitMs = Math.max(...counters.map((counter) => counter.waitMs()));
      if (waitMs > 0) throw refused(waitMs);
      const full = counters.find((counter) => counter.isFull());
      const old = counters.filter((counter) => counter.isOutdated());
      if (full !== undefined) await full.released();
      else if (old.length > 0) await Promise.all(old.map((counter) => counter.read()));
      else {
        for (const counter of counters) counter.hold();
        return counters;
      }
    }
  }

  /** Counts a failure under each key, before it first waits for anything; and tells the other instances. */
  async fail(ids: FailureIds): Promise<void> {
    await Promise.all(this.#of(ids).map((counter) => counter.fail()));
  }

  forget(kind: FailureKind, id: string | undefined): void {
    if (id !== undefined) this.#kept[kind].delete(id);
  }

  #of(ids: FailureIds): FailureCounter[] {
    return (Object.entries(ids) as [FailureKind, string][]).map(([kind, id]) => {
      const kept = this.#kept[kind];
      const known = kept.get(id);
      if (known !== undefined) return known;
      return new FailureCounter(kind, id, this.#services, {
        keep: (counter) => keepLast(kept, id, counter),
        drop: (counter) => {
          if (kept.get(id) === counter) kept.delete(id);
        },
      });
    });
  }
}

function keepLast(kept: Map<string, FailureCounter>, id: string, counter: FailureCounter): void {
  kept.delete(id);
  if (kept.size >= failedLoginsKeptMax) kept.delete(kept.keys().next().value ?? '');
  kept.set(id, counter);
}

export class FailureCounter {
  readonly #kind: FailureKind;
  readonly #id: string;
  readonly #services: FailureServices;
  readonly #place: {
    readonly keep: (counter: FailureCounter) => void;
    readonly drop: (counter: FailureCounter) => void;
  };
  #count = 0;
  /** Of these, what the store has not been told. */
  #untold = 0;
  #untilMs = 0;
  #forgetAtMs = 0;
  #readAtMs = 0;
  #reading: Promise<void> | undefined;
  /** Attempts that are being checked, and what goes on when one of them has been. */
  #held = 0;
  #waiting: (() => void)[] = [];

  constructor(
    kind: FailureKind,
    id: string,
    services: FailureServices,
    place: {
      readonly keep: (counter: FailureCounter) => void;
      readonly drop: (counter: FailureCounter) => void;
    },
  ) {
    this.#kind = kind;
    this.#id = id;
    this.#services = services;
    this.#place = place;
  }

  /** How long the next attempt has to wait. */
  waitMs(): number {
    this.#forgetOld();
    const nowMs = this.#services.clock.now();
    // Where the clock was set back, nobody waits for it to come around.
    this.#untilMs = Math.min(this.#untilMs, nowMs + loginWaitSecondsMax[this.#kind] * 1000);
    return Math.max(0, this.#untilMs - nowMs);
  }

  /** Whether there would be too many failures if all that are being checked failed. After the free ones, it is one by one. */
  isFull(): boolean {
    return this.#held > 0 && this.#count + this.#held > this.#free;
  }

  /** Whether the free failures are spent, and others may know of more. */
  isOutdated(): boolean {
    if (this.#count < this.#free) return false;
    const ageMs = this.#services.clock.now() - this.#readAtMs;
    return this.#readAtMs < this.#untilMs || ageMs > sharedFailuresReadMs;
  }

  /** Learns of what others share. Does not reject. */
  async read(): Promise<void> {
    this.#reading ??= this.#learn(async () => {
      this.#readAtMs = this.#services.clock.now();
      const found = await this.#services.documents.get(failedLoginKey(this.#id));
      return found?.value as FailedLoginsRecord | undefined;
    }).finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  hold(): void {
    this.#held += 1;
    this.#place.keep(this);
  }

  release(): void {
    this.#held -= 1;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const goOn of waiting) goOn();
    if (this.#held === 0 && this.#count === 0) this.#place.drop(this);
  }

  /** When one of those that are being checked has been. @throws RegistryError TOOMANYREQUESTS where too many wait */
  released(): Promise<void> {
    if (this.#waiting.length >= loginsWaitingMax) throw refused(1000);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /**
   * Counts a failure; after the free ones it begins a wait, which it shares. Others that were under way when a wait began
   * count as one with it: a client whose secret is revoked in the midst of many requests. Does not reject.
   */
  async fail(): Promise<void> {
    if (this.waitMs() > 0) return;
    const nowMs = this.#services.clock.now();
    this.#count += 1;
    this.#untold += 1;
    if (this.#count > this.#free) this.#untilMs = this.#untilAfter(this.#count, nowMs);
    this.#forgetAtMs = Math.max(nowMs, this.#untilMs) + failedLoginsSeconds * 1000;
    this.#place.keep(this);
    if (this.#count > this.#free) await this.#learn(() => this.#tell(nowMs));
  }

  /** Begins a wait for all instances, unless another has: then nothing is written. @returns what holds now */
  async #tell(nowMs: number): Promise<FailedLoginsRecord> {
    const untold = this.#untold;
    const record = await this.#services.documents.transact(async (transaction) => {
      const found = await transaction.get(failedLoginKey(this.#id));
      const known = found?.value as FailedLoginsRecord | undefined;
      if (known !== undefined && known.until > nowMs) return known;
      const count = Math.max(this.#count, (known?.count ?? 0) + untold);
      const until = this.#untilAfter(count, nowMs);
      const expiresAt = until + failedLoginsSeconds * 1000;
      transaction.set(failedLoginKey(this.#id), { count, until }, { expiresAt });
      return { count, until };
    });
    this.#untold = Math.max(0, this.#untold - untold);
    return record;
  }

  /** Takes over what the store says, if it says so in time: logins do not depend on it. */
  async #learn(ask: () => Promise<FailedLoginsRecord | undefined>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, sharedFailuresMs);
    });
    const asked = ask().then(
      (record) => record && this.#adopt(record),
      // The store's failures show wherever it is needed.
      () => undefined,
    );
    await Promise.race([asked, late]);
    clearTimeout(timer);
  }

  #adopt({ count, until }: FailedLoginsRecord): void {
    // Of a clock that is ahead of this one's no more than the longest wait is taken.
    const longestMs = this.#services.clock.now() + loginWaitSecondsMax[this.#kind] * 1000;
    this.#count = Math.max(this.#count, count);
    this.#untilMs = Math.max(this.#untilMs, Math.min(until, longestMs));
    this.#forgetAtMs = Math.max(this.#forgetAtMs, this.#untilMs + failedLoginsSeconds * 1000);
  }

  #forgetOld(): void {
    if (this.#services.clock.now() < this.#forgetAtMs) return;
    this.#count = 0;
    this.#untold = 0;
  }

  #untilAfter(count: number, nowMs: number): number {
    const seconds = 2 ** Math.min(30, count - this.#free - 1);
    return nowMs + Math.min(seconds, loginWaitSecondsMax[this.#kind]) * 1000;
  }

  get #free(): number {
    return freeFailuresTimes[this.#kind] * this.#services.freeFailures;
  }
}

function refused(waitMs: number): RegistryError {
  const seconds = Math.ceil(waitMs / 1000);
  return new RegistryError('TOOMANYREQUESTS', {
    message: `too many logins failed: try again in ${seconds} s`,
    detail: { retryAfterSeconds: seconds },
    headers: { 'Retry-After': String(seconds) },
  });
}
