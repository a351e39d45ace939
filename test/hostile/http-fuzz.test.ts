// Twenty thousand inputs to the process that `npm start` runs: each is answered in the protocol's own form or its
// connection is ended, nothing fails, nothing leaks, nothing is lost, and nothing is held on to.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { pullManifest, pushAll, sendAll } from '#test/support/calls.ts';
import { errorCodesForTests } from '#test/support/error-codes.ts';
import { imageManifest } from '#test/support/manifests.ts';
import { discard } from './bystanders.ts';
import { type Input, inputAt } from './grammar.ts';
import { fuzz, repeatBy } from './random.ts';
import { hasProc, memoryMebibytes } from './vitals.ts';
import { Line, readReply, shout, type WireReply } from './wire-client.ts';
import { adminOf, startWorld, type World } from './world.ts';

const lines = 12;
const pipelined = 6;
const memoryMebibytesMax = 24;
const failuresShown = 10;

type Numbered = Input & { readonly at: number };

/** Code → the statuses it may be answered with. */
const statuses: Readonly<Record<string, readonly number[]>> = {
  BLOB_UNKNOWN: [404],
  BLOB_UPLOAD_INVALID: [400, 416],
  BLOB_UPLOAD_UNKNOWN: [404],
  DIGEST_INVALID: [400],
  MANIFEST_BLOB_UNKNOWN: [404],
  MANIFEST_INVALID: [400],
  MANIFEST_UNKNOWN: [404],
  NAME_INVALID: [400, 414],
  NAME_UNKNOWN: [404],
  SIZE_INVALID: [400, 408, 413, 416, 431],
  UNAUTHORIZED: [401],
  DENIED: [400, 403],
  UNSUPPORTED: [400, 405, 414, 415, 417],
  TOOMANYREQUESTS: [429],
};

/** Status → how many of all inputs must be answered so, at the least, for the mix to be worth its time. */
const leastShares: readonly (readonly [number, number])[] = [
  ...([
    [200, 0.05],
    [201, 0.02],
    [202, 0.015],
    [204, 0.01],
    [206, 0.001],
    [304, 0.0005],
  ] as const),
  ...([
    [400, 0.1],
    [401, 0.05],
    [403, 0.03],
    [404, 0.05],
    [405, 0.02],
  ] as const),
  ...([
    [414, 0.002],
    [415, 0.0005],
    [416, 0.002],
    [431, 0.0001],
  ] as const),
];

/** What only the inside knows: stacks, modules, files. */
const inside =
  /\bat (?:async )?[\w.<>]+ \(|node:internal|node_modules|\.[cm]?[jt]s:\d+|file:\/\/|SQLITE|ENOENT|EACCES/;

let world: World;
const counts = new Map<number, number>();
let unanswered = 0;
const failures: string[] = [];

before(async () => {
  world = await startWorld();
});
after(() => discard(world.berth));

function checkReply({ status, headers, body }: WireReply, method: string): void {
  assert.ok(status < 500, `answered ${status}`);
  const text = body.toString();
  if (status < 400) return;
  assert.doesNotMatch(`${[...headers.values()].join('\n')}\n${text}`, inside);
  assert.ok(!text.includes(world.berth.dataDirectory), 'names a directory of the registry');
  assert.ok(headers.has('x-request-id'), 'has no request id');
  if (headers.get('content-type')?.startsWith('text/html')) {
    assert.match(
      headers.get('content-security-policy') ?? '',
      /^default-src 'none'; style-src 'sha256-/,
    );
    return;
  }
  assert.equal(headers.get('content-type'), 'application/json');
  if (method === 'HEAD') return;
  const { errors } = JSON.parse(text) as { errors: { code: string; message: string }[] };
  assert.ok(errors.length > 0, 'errors is empty');
  for (const { code, message } of errors) {
    assert.ok(errorCodesForTests.has(code), `${code} is none of the specification's`);
    assert.ok(statuses[code]?.includes(status), `${code} with ${status}`);
    assert.ok(message.length > 10 && message.length < 1000, `a message of ${message.length}`);
  }
  if (status === 401)
    assert.match(headers.get('www-authenticate') ?? '', /^Bearer realm="https?:\/\/[^"]+"/);
  if (status === 405)
    assert.ok(headers.has('allow') || text.includes('CONNECT'), 'says not what is allowed');
}

/** Keeps what was answered, and the addresses of sessions that were opened for later inputs to use. */
function note({ status, headers }: WireReply, at: number): void {
  counts.set(status, (counts.get(status) ?? 0) + 1);
  const location = headers.get('location');
  if (status === 202 && location !== undefined)
    world.sessions[at % world.sessions.length] = location;
}

/** Checks what an input was answered, and keeps what is wrong, with the input, for the end. */
function judge(input: Numbered, check: () => void): void {
  try {
    check();
  } catch (error) {
    const { at, kind, bytes } = input;
    const why = error instanceof Error ? error.message : String(error);
    const shown = JSON.stringify(bytes.toString('latin1').slice(0, 4000));
    failures.push(`${why}\n${repeatBy(at)}, ${kind} of ${bytes.length} bytes:\n${shown}`);
  }
}

async function tryBytes(input: Numbered): Promise<void> {
  const answered = await shout(world.berth.url, input.bytes).catch((error: Error) => error);
  judge(input, () => {
    if (answered instanceof Error) throw answered;
    assert.doesNotMatch(answered.toString('latin1'), /^HTTP\/1\.1 5\d\d/m);
    // Which method was understood is not known: a refusal that has no body was one of HEAD.
    const isBare = answered[answered.indexOf('\r\n\r\n') + 4] !== 0x7b;
    const found = readReply(answered, isBare ? 'HEAD' : '');
    if (found === undefined) {
      unanswered += 1;
      return;
    }
    note(found.reply, input.at);
    checkReply(found.reply, isBare ? 'HEAD' : '');
  });
}

async function tryRequests(line: Line, requests: readonly Numbered[]): Promise<void> {
  let left = requests;
  for (;;) {
    const [first] = left;
    if (first === undefined) return;
    const answered = await line.ask(left).catch((error: unknown) => {
      const all = JSON.stringify(Buffer.concat(left.map(({ bytes }) => bytes)).toString('latin1'));
      judge(first, () => assert.fail(`${error}; sent together: ${all.slice(0, 20_000)}`));
      return [];
    });
    const replies = answered.filter((reply) => reply !== undefined);
    left.slice(0, replies.length).forEach((input, place) => {
      judge(input, () => {
        const reply = replies[place];
        assert.ok(reply !== undefined);
        note(reply, input.at);
        checkReply(reply, input.method);
      });
    });
    if (answered.length === 0) return;
    if (replies.length === 0)
      judge(first, () => assert.fail('the connection ended with no answer'));
    left = left.slice(Math.max(1, replies.length));
  }
}

/** Sends the inputs of these numbers, over several connections at a time, several requests behind one another. */
async function send(from: number, to: number): Promise<void> {
  let next = from;
  const work = async () => {
    const line = new Line(world.berth.url);
    while (next < to && failures.length < failuresShown) {
      const first = next;
      next = Math.min(to, next + pipelined);
      const batch = Array.from({ length: next - first }, (_, place) => ({
        at: first + place,
        ...inputAt(fuzz.seed, first + place, world),
      }));
      const requests = batch.filter(({ kind }) => kind === 'request');
      const others = batch.filter(({ kind }) => kind === 'bytes');
      await Promise.all([tryRequests(line, requests), ...others.map(tryBytes)]);
    }
    line.close();
  };
  await Promise.all(Array.from({ length: lines }, work));
  assert.deepEqual(failures.splice(0, failuresShown), []);
}

describe(`${fuzz.runs} inputs of the registry's grammar, seed ${fuzz.seed},`, () => {
  /** After so many all code has run and what is cached is cached. */
  const warm = Math.ceil(fuzz.runs / 10);
  let settled = 0;

  it(`are each answered in the protocol’s form, or their connection is ended: the first ${warm}`, async () => {
    await send(0, warm);
    await pause(1000);
    settled = hasProc ? memoryMebibytes(world.berth) : 0;
  });

  it('and all others', () => send(warm, fuzz.runs));

  it('leave the process as it was: no failure in its log, no secret either', () => {
    const { process: child } = world.berth;
    assert.ok(child.exitCode === null && child.signalCode === null, 'the process has ended');
    const printed = world.berth.output();
    const failures = printed
      .split('\n')
      .filter((line) => /"severity":"(?!INFO)|Warning|^\s+at /.test(line))
      // Who was refused is told with a warning.
      .filter((line) => !line.includes('"message":"audit"'));
    assert.deepEqual(failures.slice(0, 5), []);
    for (const secret of [...world.secrets, ...world.tokens]) {
      assert.ok(!printed.includes(secret), 'a secret was printed');
    }
    assert.doesNotMatch(printed, /berth_robot_/, 'a secret of a robot that was made was printed');
  });

  it(`leave memory as it was: all others add little to what the first ${warm} needed`, {
    skip: hasProc ? false : 'there is no /proc',
  }, async (test) => {
    await pause(1000);
    const added = memoryMebibytes(world.berth) - settled;
    test.diagnostic(`${added.toFixed(1)} MiB over ${settled.toFixed(1)} MiB`);
    assert.ok(added < memoryMebibytesMax, `${added} MiB over ${settled} MiB`);
  });

  it('leave what was pushed before as it was, and pushing and pulling go on', async () => {
    await world.checkKept();
    const image = imageManifest();
    const calls = [
      ...pushAll('fuzz/afterwards', image, 'v1'),
      pullManifest('fuzz/afterwards', image, 'v1'),
    ];
    await sendAll(
      world.berth.url,
      calls.map((call) => ({ ...call, authorization: adminOf(world.berth) })),
    );
  });

  it('were of every kind: let in, refused and malformed', () => {
    const told = JSON.stringify({
      ...Object.fromEntries([...counts].sort(([a], [b]) => a - b)),
      unanswered,
    });
    for (const [status, share] of leastShares) {
      const least = Math.floor(share * fuzz.runs);
      assert.ok((counts.get(status) ?? 0) >= least, `less than ${least} of ${status}: ${told}`);
    }
    const answered = [...counts.values()].reduce((sum, count) => sum + count, 0);
    assert.equal(answered + unanswered, fuzz.runs, told);
    assert.ok(unanswered < fuzz.runs / 10, told);
  });

  it('leave nothing for the process to wait for when it is asked to end', async () => {
    const late = pause(10_000, 'it still runs', { ref: false });
    assert.equal(await Promise.race([world.berth.stop(), late]), 0);
  });
});
