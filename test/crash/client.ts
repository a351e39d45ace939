// A client in one life of the registry: sends requests, and keeps the ledger of what it was told.

import assert from 'node:assert/strict';
import type { RunningBerth } from '#test/support/berth.ts';
import { type Answer, Connection, type Outgoing } from './connection.ts';
import type { Phase, Watch } from './killer.ts';
import type { Held, Ledger, Thing } from './ledger.ts';

/** The registry was killed before it answered. */
export class Killed extends Error {}

export interface Asked extends Outgoing {
  /** Answers that may come: the first says that it was done, any other that nothing was changed. */
  readonly expect: readonly number[];
  /** When all of it is sent, and when a part of its body is. */
  readonly phase?: Phase;
  readonly bodyPhase?: Phase;
  /** What each thing holds when it was done. */
  readonly writes?: Iterable<readonly [Thing, Held]>;
}

export class Client {
  readonly ledger: Ledger;
  readonly killer: Watch;
  readonly #connection: Connection;

  constructor(berth: RunningBerth, ledger: Ledger, killer: Watch) {
    this.ledger = ledger;
    this.killer = killer;
    this.#connection = new Connection(berth);
  }

  /** @throws Killed; AssertionError when the answer is none of those that may come */
  async ask({ expect, phase, bodyPhase, writes = [], ...outgoing }: Asked): Promise<Answer> {
    const { method, path } = outgoing;
    const pending = this.ledger.begin(`${phase ?? 'request'}: ${method} ${path}`, writes);
    const underway = (whole: boolean) => this.killer.reach(whole ? phase : bodyPhase);
    const answer = await this.#send({ ...outgoing, underway });
    const told = `${method} ${path} was answered ${answer.status}: ${answer.body.subarray(0, 500)}`;
    assert.ok(expect.includes(answer.status), told);
    if (answer.status === expect[0]) pending.acknowledge();
    else pending.withdraw();
    return answer;
  }

  close(): void {
    this.#connection.close();
  }

  async #send(outgoing: Outgoing): Promise<Answer> {
    if (this.killer.dead) throw new Killed();
    try {
      return await this.#connection.send(outgoing);
    } catch (error) {
      if (this.killer.dead) throw new Killed();
      throw error;
    }
  }
}
