// Request rates: a burst, then so many a second, each by itself; and no more memory for more of them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { openRequestRates, type RequestRates } from '#shared/auth/request-rates.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { requestRatesMax, requestsBurstSeconds } from '#shared/oci/limits.ts';
import { fakeClock } from '#test/support/clock.ts';

const start = Date.parse('2026-11-24T12:00:00Z');

/** How many of so many requests are let through. */
function taken(rates: RequestRates, key: string, times: number): number {
  let count = 0;
  for (let at = 0; at < times; at += 1) {
    try {
      rates.take(key);
      count += 1;
    } catch (error) {
      assert.ok(error instanceof RegistryError && error.status === 429);
    }
  }
  return count;
}

function refusalOf(rates: RequestRates, key: string): RegistryError {
  try {
    rates.take(key);
  } catch (error) {
    if (error instanceof RegistryError) return error;
  }
  throw new Error('it was let through');
}

describe('request rates', () => {
  it('let a burst through, then so many a second', () => {
    const clock = fakeClock(start);
    const rates = openRequestRates(5, clock);
    assert.equal(taken(rates, 'a', 100), 5 * requestsBurstSeconds);
    assert.equal(taken(rates, 'a', 100), 0);
    clock.advance(1000);
    assert.equal(taken(rates, 'a', 100), 5);
    clock.advance(199);
    assert.equal(taken(rates, 'a', 100), 0);
    clock.advance(1);
    assert.equal(taken(rates, 'a', 100), 1);
    clock.advance(24 * 60 * 60 * 1000);
    assert.equal(taken(rates, 'a', 1000), 5 * requestsBurstSeconds);
  });

  it('count each by itself', () => {
    const rates = openRequestRates(1, fakeClock(start));
    assert.equal(taken(rates, 'a', 100), 10);
    assert.equal(taken(rates, 'b', 100), 10);
    assert.equal(taken(rates, '', 100), 10);
    assert.equal(taken(rates, '__proto__', 100), 10);
    assert.equal(taken(rates, 'a', 100), 0);
  });

  it('refuse with the specification’s code and a Retry-After after which it goes on', () => {
    const clock = fakeClock(start);
    const rates = openRequestRates(3, clock);
    taken(rates, 'a', 100);
    const refusal = refusalOf(rates, 'a');
    assert.equal(refusal.code, 'TOOMANYREQUESTS');
    assert.equal(refusal.status, 429);
    assert.equal(refusal.headers['Retry-After'], '1');
    clock.advance(1000);
    rates.take('a');
  });

  it('refuse nobody where there is no limit', () => {
    assert.equal(taken(openRequestRates(0, fakeClock(start)), 'a', 100_000), 100_000);
  });

  it('give nothing for a clock that is set back, and go on as it goes on', () => {
    const clock = fakeClock(start);
    const rates = openRequestRates(1, clock);
    taken(rates, 'a', 100);
    clock.advance(-60 * 60 * 1000);
    assert.equal(taken(rates, 'a', 100), 0);
    clock.advance(2000);
    assert.equal(taken(rates, 'a', 100), 2);
  });

  it('never let more through than the burst and what time has brought, whenever requests come', () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const step = fc.record({
      afterMs: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 25_000 })),
      key,
      times: fc.integer({ min: 0, max: 60 }),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 7 }), fc.array(step), (perSecond, steps) => {
        const clock = fakeClock(start);
        const rates = openRequestRates(perSecond, clock);
        const seen: { atMs: number; key: string; count: number }[] = [];
        for (const { afterMs, key: of, times } of steps) {
          clock.advance(afterMs);
          seen.push({ atMs: clock.now(), key: of, count: taken(rates, of, times) });
        }
        for (const [from, { atMs, key: of }] of seen.entries()) {
          let sum = 0;
          for (const later of seen.slice(from)) {
            if (later.key === of) sum += later.count;
            const most = perSecond * (requestsBurstSeconds + (later.atMs - atMs) / 1000);
            assert.ok(sum <= most + 1e-6, `${sum} > ${most}`);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('forget nothing of who asks on, though others come, as long as these are not too many', () => {
    const clock = fakeClock(start);
    const rates = openRequestRates(1, clock);
    taken(rates, 'a', 100);
    for (let at = 0; at < requestRatesMax / 2 - 1; at += 1) rates.take(`other ${at}`);
    assert.equal(taken(rates, 'a', 100), 0);
    for (let second = 1; second <= 60; second += 1) {
      clock.advance(1000);
      assert.equal(taken(rates, 'a', 100), 1, `after ${second} s`);
    }
  });

  it('take no more memory for a million of them', () => {
    const rates = openRequestRates(1, fakeClock(start));
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    for (let at = 0; at < 1_000_000; at += 1) rates.take(`2001:db8:${at.toString(16)}::/64`);
    globalThis.gc?.();
    // A million buckets would be more than 100 MB.
    assert.ok(process.memoryUsage().heapUsed - before < 60_000_000);
    rates.take('still answers');
  });
});
