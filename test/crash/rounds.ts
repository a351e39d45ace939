// Rounds of pushing, killing and starting again, over one data directory that grows.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { audit } from './audit.ts';
import { Chance } from './chance.ts';
import { Client } from './client.ts';
import { runCommand } from './commands.ts';
import { Killer, type KillPlan, nobody, type Phase, phases } from './killer.ts';
import { type Fate, Ledger } from './ledger.ts';
import { age, checkSessions, type Part, partsIn, temporariesIn } from './leftovers.ts';
import { baseLayers } from './maker.ts';
import { Pusher, type World } from './pusher.ts';
import { type RealClient, realClients } from './real-clients.ts';
import { RealPusher } from './real-pusher.ts';
import { Uploads } from './uploads.ts';

export interface RoundsOptions {
  readonly directory: string;
  readonly seed: string;
  readonly rounds: number;
  /** Those that push beside. */
  readonly clients: readonly RealClient[];
}

/** What the rounds were, so that they cannot have been about nothing. */
export interface Played {
  /** Rounds whose kill met requests in flight. */
  readonly hits: number;
  readonly done: number;
  /** Phases that were waited for and came. */
  readonly met: ReadonlySet<Phase>;
  readonly fates: readonly Fate[];
  readonly things: number;
  /** How often each real client's push was cut short by a kill. */
  readonly cut: ReadonlyMap<Phase, number>;
  /** Parts that a kill left without a session that has recorded them. */
  readonly strays: number;
}

const pushers = 4;

export class Rounds {
  readonly #options: RoundsOptions;
  readonly #data: string;
  readonly #chance: Chance;
  readonly #ledger = new Ledger();
  readonly #world: World;
  readonly #pushers: readonly Pusher[];
  readonly #clients: readonly RealPusher[];
  readonly #phases: readonly Phase[];
  readonly #fates: Fate[] = [];
  readonly #met = new Set<Phase>();
  readonly #strays = new Set<string>();
  #hits = 0;
  #done = 0;
  #berth: RunningBerth | undefined;

  constructor(options: RoundsOptions) {
    const { directory, seed } = options;
    this.#options = options;
    this.#data = join(directory, 'data');
    this.#chance = new Chance(seed);
    const base = baseLayers(seed);
    this.#world = { uploads: new Uploads(), base, referrers: new Map() };
    this.#pushers = Array.from({ length: pushers }, (_, at) => new Pusher(this.#world, seed, at));
    this.#clients = options.clients.map((client) => new RealPusher(client));
    this.#phases = phasesWith(options.clients);
  }

  /** @throws Error that names the round in which something was lost; no registry runs any more then, either */
  async play(): Promise<Played> {
    try {
      return await this.#play();
    } finally {
      await this.#berth?.kill();
    }
  }

  async #play(): Promise<Played> {
    for (let round = 0; round < this.#options.rounds; round += 1) {
      await this.#round(round).catch((error: unknown) => {
        throw new Error(`round ${round}: ${String(error)}`, { cause: error });
      });
    }
    await this.#end();
    return {
      hits: this.#hits,
      done: this.#done,
      met: this.#met,
      fates: this.#fates,
      things: this.#ledger.things().length,
      cut: new Map(this.#clients.map(({ client, cut }) => [client.phase, cut])),
      strays: this.#strays.size,
    };
  }

  async #start(): Promise<RunningBerth> {
    this.#berth = await startBerth({ dataDirectory: this.#data });
    return this.#berth;
  }

  /** A life of the registry: it starts on what the last kill left, is looked at, is used, and is killed. */
  async #round(round: number): Promise<void> {
    const startsKilled = round === 0 ? 3 : this.#chance.happens(0.3) ? 1 : 0;
    for (let times = startsKilled; times > 0; times -= 1) {
      await runCommand('start', this.#data, { killAfterMs: this.#chance.whole(0, 400) });
    }
    const berth = await this.#start();
    const strays = await this.#look(berth, this.#sample());
    const plan = this.#planned(round);
    await this.#use(berth, plan, this.#clientsIn(round, plan));
    if (round % 5 === 0) await this.#collect(round % 10 === 0);
    if (round % 10 !== 9) return;
    await this.#verify();
    await this.#expire(strays);
  }

  /** Everything of which the last round may have changed something, and some of the rest. */
  #sample(): string[] {
    const things = this.#ledger.things();
    const some = Array.from({ length: Math.min(20, things.length) }, () => this.#chance.of(things));
    return [...new Set([...this.#ledger.unseen(), ...some])];
  }

  /** @returns parts that no open session has recorded */
  async #look(berth: RunningBerth, things: readonly string[]): Promise<Part[]> {
    assert.deepEqual(await temporariesIn(this.#data), []);
    this.#fates.push(...(await audit(berth, this.#ledger, things, this.#world.referrers)));
    const strays = await checkSessions(berth, this.#ledger, this.#world.uploads.sessions);
    for (const { path } of strays) this.#strays.add(path);
    return strays;
  }

  /** Every phase in its turn, at first at once and then some milliseconds later, and in between any time. */
  #planned(round: number): KillPlan {
    const turn = round % (this.#phases.length + 2);
    const phase = this.#phases[turn];
    if (phase === undefined) {
      return { phase, times: 1, delayMs: this.#chance.whole(10, 600) };
    }
    const isFirst = round < this.#phases.length;
    const delayMs = isFirst ? 0 : this.#chance.whole(0, 8);
    return { phase, times: this.#chance.whole(1, timesMax(phase)), delayMs };
  }

  /** The one whose push is waited for, or each in its turn now and then. */
  #clientsIn(round: number, { phase }: KillPlan): RealPusher[] {
    const turn = round % 5 === 4 ? Math.floor(round / 5) % this.#clients.length : undefined;
    return this.#clients.filter(({ client }, at) => client.phase === phase || at === turn);
  }

  async #use(berth: RunningBerth, plan: KillPlan, beside: readonly RealPusher[]): Promise<void> {
    const killer = new Killer(berth, plan);
    const clients = this.#pushers.map(() => new Client(berth, this.#ledger, killer));
    const works = this.#pushers.map((pusher, at) => {
      const client = clients[at];
      assert.ok(client !== undefined);
      return pusher.work(client, plan.phase);
    });
    const worksBeside = beside.map((pusher) => pusher.work(berth, this.#ledger, killer));
    try {
      const done = await Promise.all(works);
      await Promise.all(worksBeside);
      this.#done += done.reduce((sum, jobs) => sum + jobs, 0);
    } finally {
      // Where one of them failed, the others go on until the registry has ended.
      killer.kill();
      await killer.end();
      await Promise.allSettled([...works, ...worksBeside]);
      for (const client of clients) client.close();
    }
    assert.doesNotMatch(berth.output(), /"severity":"ERROR"/);
    if (killer.met && plan.phase !== undefined) this.#met.add(plan.phase);
    if (this.#ledger.crash().length > 0) this.#hits += 1;
  }

  /** Every document and every byte on the disk is what it should be. No registry runs. */
  async #verify(): Promise<void> {
    const { code, stdout, stderr } = await runCommand('verify', this.#data);
    assert.deepEqual([code, stderr], [0, ''], stdout);
    assert.match(stdout, /^\d+ blobs of \d+ bytes, .* verified; all whole\n$/);
  }

  async #collect(isKilled: boolean): Promise<void> {
    if (isKilled) {
      await runCommand('collect', this.#data, { killAfterMs: this.#chance.whole(0, 400) });
    }
    const { code, stdout, stderr } = await runCommand('collect', this.#data);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^\d+ reviewed, \d+ blobs deleted, \d+ bytes freed\n$/);
  }

  /** A day passes for parts that were strays before the last life, and they are gone. */
  async #expire(strays: readonly Part[]): Promise<void> {
    // An open session's may be of the same size as one that it has recorded since: who knows which is which.
    const open = new Set(this.#world.uploads.sessions.map(({ id, over }) => (over ? '' : id)));
    const old = strays.filter(({ path, session }) => !open.has(session) && existsSync(path));
    for (const part of old) await age(part, 25);
    const berth = await this.#start();
    await berth.stop();
    assert.deepEqual(
      old.filter(({ path }) => existsSync(path)),
      [],
    );
  }

  /** All of the ledger is there, what was begun can be ended, and nothing else is left. */
  async #end(): Promise<void> {
    const berth = await this.#start();
    await this.#look(berth, this.#ledger.things());
    const client = new Client(berth, this.#ledger, nobody);
    for (const pusher of this.#pushers) await pusher.finishAll(client);
    client.close();
    for (const pusher of this.#clients) await pusher.again(berth, this.#ledger);
    await berth.stop();
    for (const part of await partsIn(this.#data)) await age(part, 25);
    const last = await this.#start();
    assert.deepEqual(await partsIn(this.#data), []);
    assert.deepEqual(await temporariesIn(this.#data), []);
    await audit(last, this.#ledger, this.#ledger.things(), this.#world.referrers);
    assert.equal(await last.stop(), 0);
    await this.#verify();
  }
}

/** The phases that can be met with these clients. */
export function phasesWith(clients: readonly RealClient[]): readonly Phase[] {
  const left = realClients.map(({ phase }) => phase);
  return phases.filter(
    (phase) => !left.includes(phase) || clients.some((client) => client.phase === phase),
  );
}

/** How often a phase may be let pass: a real client's comes once for each of four blobs. */
function timesMax(phase: Phase): number {
  return realClients.some((client) => client.phase === phase) ? 2 : 6;
}
