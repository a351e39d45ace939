// The promise of shared/ports/documents.ts, line by line, for every adapter.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import {
  DocumentExists,
  type Documents,
  documentBytesMax,
  type Key,
  type Value,
} from '#shared/ports/documents.ts';
import type { FakeClock } from '#test/support/clock.ts';

export interface OpenDocuments {
  readonly documents: Documents;
  readonly clock: FakeClock;
  close(): Promise<void>;
}

/**
 * @param open opens a store
 * @param options.location all that the suite writes is in this one; one of its own when left out
 * @param options.skip why the suite cannot be run, as node:test takes it
 */
export function documentsContract(
  name: string,
  open: () => Promise<OpenDocuments>,
  options: { readonly location?: string; readonly skip?: string | false } = {},
): void {
  const { location = `l-${randomUUID()}`, skip = false } = options;
  describe(`the documents of ${name}`, { skip }, () => {
    let opened: OpenDocuments;
    let documents: Documents;
    before(async () => {
      opened = await open();
      documents = opened.documents;
    });
    after(() => opened.close());

    /** A prefix that nothing else uses. */
    const place = (): Key => [location, `p-${randomUUID()}`, 'kind'];
    const put = (key: Key, value: Value = {}, options?: { expiresAt: number }) =>
      documents.transact(async (transaction) => transaction.set(key, value, options));
    const last = async (prefix: Key, limit = 1000) =>
      (await documents.list({ prefix, limit })).map(({ key }) => key.at(-1));
    const all = (prefix: Key, order: readonly string[]) =>
      Promise.all(order.map((element) => put([...prefix, element])));

    it('answers what was set, and nothing where nothing is', async () => {
      const at = place();
      await put([...at, 'a'], { n: 1, text: 'ä\u{1f40b}', list: [1, { deep: null }], yes: true });
      const found = await documents.get([...at, 'a']);
      assert.deepEqual(found?.key, [...at, 'a']);
      assert.deepEqual(found?.value, {
        n: 1,
        text: 'ä\u{1f40b}',
        list: [1, { deep: null }],
        yes: true,
      });
      assert.equal(await documents.get([...at, 'b']), undefined);
    });

    it('keeps bytes as they are, and leaves out what is undefined', async () => {
      const at = [...place(), 'a'];
      const bytes = Buffer.from(Array.from({ length: 500_000 }, (_, n) => n % 256));
      await put(at, { bytes, kept: 1, dropped: undefined });
      const { value } = (await documents.get(at)) ?? assert.fail();
      assert.ok(bytes.equals(value.bytes ?? Buffer.alloc(0)));
      assert.deepEqual(new Set(Object.keys(value)), new Set(['bytes', 'kept']));
    });

    it('tells bytes that are empty from none, and stores a view without what surrounds it', async () => {
      const at = place();
      await put([...at, 'empty'], { bytes: new Uint8Array() });
      await put([...at, 'view'], { bytes: Uint8Array.of(1, 2, 3, 4).subarray(1, 3) });
      const [empty, view] = await documents.list({ prefix: at, limit: 2 });
      assert.deepEqual([...(empty?.value.bytes ?? assert.fail())], []);
      assert.deepEqual([...(view?.value.bytes ?? assert.fail())], [2, 3]);
    });

    it('takes any field name and any JSON, nested lists too', async () => {
      const at = [...place(), 'a'];
      const fields = '{"":1,"a.b":2,"a/b":3,"__name__":4,"__proto__":5}';
      const value = { ...JSON.parse(fields), list: [[1], [[]], [null, 1.5, 2 ** 53 - 1]] };
      await put(at, value);
      assert.deepEqual((await documents.get(at))?.value, value);
    });

    it('replaces a value whole, and deletes', async () => {
      const at = [...place(), 'a'];
      await put(at, { one: 1, bytes: Buffer.of(1) });
      await put(at, { two: 2 });
      assert.deepEqual((await documents.get(at))?.value, { two: 2 });
      await documents.transact(async (transaction) => transaction.delete(at));
      assert.equal(await documents.get(at), undefined);
      await documents.transact(async (transaction) => transaction.delete(at));
    });

    it('refuses a document that is larger than documents may be', async () => {
      const at = [...place(), 'a'];
      await assert.rejects(put(at, { bytes: Buffer.alloc(documentBytesMax + 1) }));
      // Counted in bytes, not in characters.
      await assert.rejects(put(at, { text: 'ä'.repeat(documentBytesMax / 2) }));
      assert.equal(await documents.get(at), undefined);
      await put(at, { bytes: Buffer.alloc(documentBytesMax - 2) });
    });

    it('lists in the order of the bytes, whatever order they came in', async () => {
      const names = [
        'a-b/c',
        'a.b/c',
        'a/b',
        'a0',
        'aa',
        'a',
        'B',
        '__v1__',
        '~',
        'ä',
        '\u{ff5e}',
        '\u{1f40b}',
      ];
      const at = place();
      await all(at, names);
      const order = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      assert.deepEqual(await last(at), order);
    });

    it('orders tuples element by element, on every page as in one', async () => {
      const at = place();
      const elements = ['a', 'a!', 'a-b/c', 'a.b/c', 'a/b', 'ab', '__v1__'];
      // Sorted by code units, which for ASCII are the bytes.
      const sorted = elements.toSorted((a, b) => (a < b ? -1 : 1));
      const expected = sorted.flatMap((one) => [[one], ...sorted.map((two) => [one, two])]);
      await documents.transact(async (transaction) => {
        for (const key of expected.toReversed()) transaction.set([...at, ...key], {});
      });
      const found: Key[] = [];
      for (let after: Key | undefined; ; after = found.at(-1)) {
        const page = await documents.list({ prefix: at, after, limit: 5 });
        found.push(...page.map(({ key }) => key));
        if (page.length < 5) break;
      }
      assert.deepEqual(
        found.map((key) => key.slice(3)),
        expected,
      );
    });

    it('takes ids that stores keep for themselves, and long ones', async () => {
      const at = place();
      const names = ['.', '..', '__v1__', '__name__', 'a/b', '%2F', '*', 'x'.repeat(1024)];
      await all(at, names);
      assert.deepEqual(new Set(await last(at)), new Set(names));
      for (const element of names) assert.ok(await documents.get([...at, element]), element);
    });

    it('names what it would list, one element below the prefix, and pages as a list does', async () => {
      const at = place();
      const names = ['B', 'a', 'a-', 'a.b', 'aä', 'b', '\u{1f40b}', '\uff5e'];
      await all(at, names);
      await put([...at, 'a', 'below']);
      await put([...at, 'c', 'below']);
      await put([...at, 'gone'], {}, { expiresAt: opened.clock.now() - 1 });
      const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      const named = (limit: number, after?: string) =>
        documents.names({
          prefix: at,
          limit,
          ...(after === undefined ? {} : { after: [...at, after] }),
        });
      assert.deepEqual(await named(100), sorted);
      assert.deepEqual(await named(3), sorted.slice(0, 3));
      assert.deepEqual(await named(0), []);
      assert.deepEqual(await named(3, 'a'), sorted.slice(2, 5));
      assert.deepEqual(await named(100, 'a0'), sorted.slice(4));
      assert.deepEqual(await documents.names({ prefix: place(), limit: 10 }), []);
    });

    it('names at once what was written, also where the list is long and was asked for before', async () => {
      const at = place();
      const many = Array.from({ length: 1200 }, (_, n) => `n${String(n).padStart(5, '0')}`);
      const named = async (limit = 5000) => await documents.names({ prefix: at, limit });
      await documents.transact(async (transaction) => {
        for (const name of many) transaction.set([...at, name], {});
      });
      assert.deepEqual(await named(), many);
      await put([...at, 'm']);
      assert.deepEqual(await named(), ['m', ...many]);
      assert.deepEqual(await named(2), ['m', 'n00000']);
      await documents.transact(async (transaction) => transaction.delete([...at, 'm']));
      assert.deepEqual(await named(), many);
      await put([...at, 'm'], {}, { expiresAt: opened.clock.now() + 1000 });
      assert.deepEqual(await named(), ['m', ...many]);
      opened.clock.advance(1001);
      assert.deepEqual(await named(), many);
    });

    it('tells by a stamp, where it has one, whether a list is as it was', async (t) => {
      const at = place();
      const elsewhere = place();
      const { stamp } = documents;
      if (stamp === undefined) return t.diagnostic('others write to this store');
      await put([...at, 'a'], { n: 1 });
      let before = stamp(at);
      const isSame = () => stamp(at) === before;
      const again = () => {
        assert.ok(!isSame());
        before = stamp(at);
        assert.ok(isSame());
      };
      assert.ok(isSame());
      await put([...elsewhere, 'a']);
      await put([...at, 'a', 'below']);
      await documents.list({ prefix: at, limit: 10 });
      assert.ok(isSame());
      await put([...at, 'b']);
      again();
      await put([...at, 'b'], { n: 2 });
      again();
      await documents.transact(async (transaction) => transaction.delete([...at, 'b']));
      again();
      await documents.transact(async (transaction) => transaction.create([...at, 'c'], {}));
      again();
      // More lists than are remembered: all that is told then is that it is not known.
      for (let other = 0; other < 10_001; other += 1) stamp([...elsewhere, String(other)]);
      again();
    });

    it('keeps locations, projects and kinds apart, whatever they are called', async () => {
      const names = [
        'a',
        'a!',
        'ab',
        'a/b',
        '.',
        '..',
        '__v1__',
        '__.__',
        '~5F_v1__',
        'ä',
        '%',
        '-',
      ];
      const one = randomUUID();
      const places: Key[] = names.flatMap((name) => [
        [location, `${one}${name}`, 'kind'],
        [location, one, name],
      ]);
      await Promise.all(places.map((at, n) => put([...at, 'x'], { n })));
      for (const [n, at] of places.entries()) {
        assert.equal((await documents.get([...at, 'x']))?.value['n'], n, at.join());
        const listed = await documents.list({ prefix: at, limit: 10 });
        assert.deepEqual(
          listed.map(({ key, value }) => [key, value['n']]),
          [[[...at, 'x'], n]],
        );
      }
    });

    it('takes any element that is Unicode, not empty and without NUL, and refuses others', async () => {
      const at = place();
      const names = [
        '\u0001',
        ' ',
        '!',
        '"',
        '%25',
        '.E',
        '/F',
        '~~',
        '\u007f',
        '\u0080',
        '\ud7ff',
      ];
      await all(at, names);
      const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      assert.deepEqual(await last(at), sorted);
      for (const wrong of ['', 'a\0b', '\ud800']) {
        await assert.rejects(put([...at, wrong]));
        await assert.rejects(documents.get([...at, wrong]));
        await assert.rejects(documents.list({ prefix: [...at, wrong], limit: 1 }));
      }
    });

    it('lists only what is under the prefix: not the prefix itself, nor its like', async () => {
      const at = place();
      await put([...at, 'a']);
      await all([...at, 'a'], ['x', 'y']);
      await all([...at, 'ab'], ['x']);
      await put([...at, 'a', 'x', 'deeper']);
      const found = await documents.list({ prefix: [...at, 'a'], limit: 10 });
      assert.deepEqual(
        found.map(({ key }) => key.slice(4)),
        [['x'], ['x', 'deeper'], ['y']],
      );
    });

    it('begins after a key, whether it exists or not, and ends at the limit', async () => {
      const at = place();
      await all(at, ['a', 'b', 'd', 'e']);
      const after = async (element: string, limit: number) =>
        (await documents.list({ prefix: at, after: [...at, element], limit })).map(({ key }) =>
          key.at(-1),
        );
      assert.deepEqual(await after('b', 10), ['d', 'e']);
      assert.deepEqual(await after('c', 1), ['d']);
      assert.deepEqual(await after('e', 10), []);
      assert.deepEqual(await documents.list({ prefix: at, limit: 0 }), []);
      const early = await documents.list({ prefix: at, after: [''.padEnd(1, '!')], limit: 10 });
      assert.equal(early.length, 4);
    });

    it('begins after any key: of another place, or longer than a document’s may be', async () => {
      const [, project = '', kind = ''] = place();
      const at = [location, project, kind, 'm'];
      await all(at, ['a', 'b'.repeat(1000), 'c']);
      const count = async (after: Key) =>
        (await documents.list({ prefix: at, after, limit: 10 })).length;
      assert.equal(await count(['\u0001']), 3);
      assert.equal(await count([location]), 3);
      assert.equal(await count([location, project, 'a']), 3);
      assert.equal(await count([location, project, kind, 'l', 'z']), 3);
      assert.equal(await count([location, project, kind, 'm']), 3);
      assert.equal(await count([location, project, kind, 'n']), 0);
      assert.equal(await count([location, `${project}a`, kind, 'a']), 0);
      assert.equal(await count([...at, 'b'.repeat(999)]), 2);
      assert.equal(await count([...at, 'b'.repeat(8000)]), 1);
      assert.equal(await count([...at, '\u{1f40b}'.repeat(2000)]), 0);
    });

    it('reads an expired document as absent, everywhere', async () => {
      const at = place();
      const { clock } = opened;
      await put([...at, 'a'], { n: 1 }, { expiresAt: clock.now() + 1000 });
      await put([...at, 'b'], { n: 2 });
      assert.ok(await documents.get([...at, 'a']));
      clock.advance(1000);
      assert.equal(await documents.get([...at, 'a']), undefined);
      assert.deepEqual(await last(at, 1), ['b']);
      await documents.transact(async (transaction) => {
        assert.deepEqual(await transaction.getAll([[...at, 'a']]), [undefined]);
        transaction.create([...at, 'a'], { n: 3 });
      });
      assert.deepEqual((await documents.get([...at, 'a']))?.value, { n: 3 });
    });

    it('lists and names what is left between many that have expired', async () => {
      const at = place();
      const passing = Array.from({ length: 40 }, (_, n) => `b${String(n).padStart(2, '0')}`);
      const gone = { expiresAt: opened.clock.now() };
      await documents.transact(async (transaction) => {
        for (const name of passing) transaction.set([...at, name], {}, gone);
        for (const name of ['a', 'b20a', 'c', 'd']) transaction.set([...at, name], {});
      });
      assert.deepEqual(await last(at, 1), ['a']);
      assert.deepEqual(await last(at, 2), ['a', 'b20a']);
      assert.deepEqual(await last(at, 3), ['a', 'b20a', 'c']);
      assert.deepEqual(await documents.names({ prefix: at, limit: 3 }), ['a', 'b20a', 'c']);
      const after = { prefix: at, after: [...at, 'a'], limit: 1 };
      assert.deepEqual(await documents.names(after), ['b20a']);
      assert.equal((await documents.transact((transaction) => transaction.list(after))).length, 1);
    });

    it('lets one of many that create over an expired document at once', async () => {
      const at = [...place(), 'a'];
      await put(at, { n: -1 }, { expiresAt: opened.clock.now() });
      const create = (n: number) =>
        documents.transact(async (transaction) => transaction.create(at, { n }));
      const settled = await Promise.allSettled(Array.from({ length: 5 }, (_, n) => create(n)));
      const winners = settled.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []));
      assert.equal(winners.length, 1);
      assert.deepEqual((await documents.get(at))?.value, { n: winners[0] });
    });

    it('tells of several to create which one was there', async () => {
      const at = place();
      await put([...at, 'b'], { n: 1 });
      await put([...at, 'gone'], {}, { expiresAt: opened.clock.now() });
      const creating = documents.transact(async (transaction) => {
        for (const name of ['a', 'gone', 'b', 'c']) transaction.create([...at, name], {});
      });
      await assert.rejects(creating, { name: 'DocumentExists', key: [...at, 'b'] });
      assert.deepEqual(await last(at), ['b']);
    });

    it('writes in the order of the calls, a document more than once', async () => {
      const at = place();
      await put([...at, 'b'], { n: 1 });
      await documents.transact(async (transaction) => {
        transaction.set([...at, 'a'], { n: 1 });
        transaction.set([...at, 'a'], { n: 2 });
        transaction.delete([...at, 'b']);
        transaction.create([...at, 'b'], { n: 2 });
        transaction.set([...at, 'c'], {});
        transaction.delete([...at, 'c']);
      });
      const found = await documents.list({ prefix: at, limit: 10 });
      assert.deepEqual(
        found.map(({ key, value }) => [key.at(-1), value['n']]),
        [
          ['a', 2],
          ['b', 2],
        ],
      );
    });

    it('takes nothing more once the body has ended', async () => {
      const at = [...place(), 'a'];
      const kept = await documents.transact(async (transaction) => ({ transaction }));
      assert.throws(() => kept.transaction.set(at, {}));
      await assert.rejects(kept.transaction.get(at));
    });

    it('creates only what does not exist, and fails whole otherwise', async () => {
      const at = place();
      await documents.transact(async (transaction) => transaction.create([...at, 'a'], { n: 1 }));
      const again = documents.transact(async (transaction) => {
        transaction.set([...at, 'b'], {});
        transaction.create([...at, 'a'], { n: 2 });
      });
      await assert.rejects(again, DocumentExists);
      assert.deepEqual((await documents.get([...at, 'a']))?.value, { n: 1 });
      assert.equal(await documents.get([...at, 'b']), undefined);
    });

    it('lets one of many that create the same document at once', async () => {
      const at = [...place(), 'a'];
      const create = (n: number) =>
        documents.transact(async (transaction) => transaction.create(at, { n }));
      const settled = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => create(n)));
      const winners = settled.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []));
      assert.equal(winners.length, 1);
      assert.deepEqual((await documents.get(at))?.value, { n: winners[0] });
      for (const one of settled) {
        if (one.status === 'rejected') assert.deepEqual(one.reason?.key, at);
      }
    });

    it('gives many at once in the order they were asked for', async () => {
      const at = place();
      await all(at, ['a', 'c']);
      const found = await documents.transact((transaction) =>
        transaction.getAll(['c', 'b', 'a'].map((element) => [...at, element])),
      );
      assert.deepEqual(
        found.map((document) => document?.key.at(-1)),
        ['c', undefined, 'a'],
      );
    });

    it('writes nothing when the body throws, and rejects with what it threw', async () => {
      const at = [...place(), 'a'];
      const wrong = new Error('changed my mind');
      const failing = documents.transact(async (transaction) => {
        transaction.set(at, {});
        throw wrong;
      });
      await assert.rejects(failing, wrong);
      assert.equal(await documents.get(at), undefined);
    });

    it('takes reads before writes only', async () => {
      const at = [...place(), 'a'];
      const late = documents.transact(async (transaction) => {
        transaction.set(at, {});
        await transaction.get(at);
      });
      await assert.rejects(late);
      assert.equal(await documents.get(at), undefined);
    });

    it('reads nothing where it is asked for nothing', async () => {
      assert.deepEqual(await documents.transact((transaction) => transaction.getAll([])), []);
      assert.equal(await documents.transact(async () => 'done'), 'done');
    });

    it('shows nothing that is not committed', async () => {
      const at = [...place(), 'a'];
      await documents.transact(async (transaction) => {
        transaction.set(at, {});
        assert.equal(await documents.get(at), undefined);
      });
      assert.ok(await documents.get(at));
    });

    it('loses none of many increments at once', async () => {
      const at = [...place(), 'counter'];
      await put(at, { n: 0 });
      const increment = () =>
        documents.transact(async (transaction) => {
          const n = (await transaction.get(at))?.value['n'];
          await Promise.resolve();
          transaction.set(at, { n: Number(n) + 1 });
        });
      await Promise.all(Array.from({ length: 200 }, increment));
      assert.deepEqual((await documents.get(at))?.value, { n: 200 });
    });

    it('lets no two transactions each undo what the other relied on', async () => {
      const at = place();
      await all(at, ['a', 'b']);
      // Each removes one while the other is there: both together would leave none (write skew).
      const remove = (mine: string, other: string) =>
        documents.transact(async (transaction) => {
          const left = await transaction.get([...at, other]);
          if (left !== undefined) transaction.delete([...at, mine]);
        });
      await Promise.all([remove('a', 'b'), remove('b', 'a')]);
      assert.equal((await last(at)).length, 1);
    });

    it('lets a list conflict with what is inserted into its range', async () => {
      const at = place();
      const insertIfEmpty = (element: string) =>
        documents.transact(async (transaction) => {
          const found = await transaction.list({ prefix: at, limit: 1 });
          if (found.length === 0) transaction.create([...at, element], {});
        });
      await Promise.all(['a', 'b', 'c', 'd'].map(insertIfEmpty));
      assert.equal((await last(at)).length, 1);
    });

    it('tells when each write was committed, in the order they were', async () => {
      const at = place();
      const times: number[] = [];
      for (const element of ['a', 'b', 'c']) {
        await put([...at, element]);
        times.push((await documents.get([...at, element]))?.committedAt ?? 0);
      }
      const [a = 0, b = 0, c = 0] = times;
      assert.ok(a > 0 && a < b && b < c, times.join());
      const listed = await documents.list({ prefix: at, limit: 3 });
      assert.deepEqual(
        listed.map(({ committedAt }) => committedAt),
        times,
      );
    });
  });
}
