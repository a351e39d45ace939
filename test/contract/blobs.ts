// What every store of blobs must do: the promise of shared/ports/blobs.ts, line by line.

import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  absent,
  type Blobs,
  type ListedObject,
  ObjectMissing,
  type ObjectName,
  type StoredObject,
} from '#shared/ports/blobs.ts';

const createOnly = { ifGeneration: absent };
const mebibyte = 1024 * 1024;

/** So many bytes a store may hold of one body at a time, whatever the body's size. */
const heldBytesMax = 48 * mebibyte;

/** What the suite runs on: a store, which need not be empty, and how to put it away. */
export interface OpenBlobs {
  readonly blobs: Blobs;
  close(): Promise<void>;
}

/**
 * Registers the suite with node:test under that name. Objects are written to the location `local`,
 * each test's in a project of its own, and are left there.
 */
export function blobsContract(name: string, open: () => Promise<OpenBlobs>): void {
  describe(name, () => {
    let opened: OpenBlobs;
    before(async () => {
      opened = await open();
    });
    after(() => opened.close());
    const blobs = () => opened.blobs;
    writing(blobs);
    overwriting(blobs);
    reading(blobs);
    composing(blobs);
    deleting(blobs);
    naming(blobs);
  });
}

function writing(blobs: () => Blobs): void {
  test('an object is visible only after the body has ended and was verified', async () => {
    const name = newName();
    const seen: unknown[] = [];
    const stored = await blobs().write(
      name,
      (async function* () {
        yield bytes('he');
        seen.push(await blobs().stat(name));
        yield bytes('llo');
        seen.push(await blobs().stat(name), await blobs().read(name));
      })(),
      { ...createOnly, verify: () => seen.push('verified') },
    );
    assert.deepEqual(seen, [undefined, undefined, undefined, 'verified']);
    assert.equal(stored?.size, 5);
    assert.deepEqual(await blobs().stat(name), stored);
    assert.equal(await text(blobs(), name), 'hello');
  });

  for (const size of [0, 5, 3 * mebibyte]) {
    test(`a body that throws after ${size} bytes leaves nothing, and its error comes through`, async () => {
      const name = newName();
      const gone = new Error('the client went away');
      let verified = false;
      const written = blobs().write(name, failing(size, gone), {
        ...createOnly,
        verify: () => {
          verified = true;
        },
      });
      await assert.rejects(written, (error) => error === gone);
      assert.equal(verified, false);
      assert.equal(await blobs().stat(name), undefined);
      assert.ok(await blobs().write(name, body('again'), createOnly));
    });

    test(`a verify that throws after ${size} bytes leaves nothing, and its error comes through`, async () => {
      const name = newName();
      const invalid = new Error('another digest');
      const verify = () => {
        throw invalid;
      };
      const written = blobs().write(name, body(Buffer.alloc(size)), { ...createOnly, verify });
      await assert.rejects(written, (error) => error === invalid);
      assert.equal(await blobs().stat(name), undefined);
    });
  }

  test('an empty object is an object', async () => {
    const name = newName();
    const stored = await blobs().write(name, body(), createOnly);
    assert.equal(stored?.size, 0);
    assert.deepEqual(await blobs().stat(name), stored);
    assert.equal(await text(blobs(), name), '');
  });

  test('a body of many tiny and empty chunks arrives whole and in order', async () => {
    const name = newName();
    const numbers = Array.from({ length: 20_000 }, (_, index) => (index % 10 ? `${index},` : ''));
    const stored = await blobs().write(name, body(...numbers), createOnly);
    assert.equal(stored?.size, numbers.join('').length);
    assert.equal(await text(blobs(), name), numbers.join(''));
  });

  test('a body of 256 MiB is never held in memory', async () => {
    let heldBytes = 0;
    const name = newName();
    const total = 256 * mebibyte;
    const idle = memoryHeld();
    const stored = await blobs().write(
      name,
      (async function* () {
        for (let sent = 0; sent < total; sent += 64 * 1024) {
          if (sent % (32 * mebibyte) === 0) heldBytes = Math.max(heldBytes, memoryHeld() - idle);
          yield Buffer.allocUnsafeSlow(64 * 1024);
        }
      })(),
      createOnly,
    );
    assert.equal(stored?.size, total);
    assert.ok(heldBytes < heldBytesMax, `held ${heldBytes} bytes`);
    assert.ok(await blobs().delete(name, { ifGeneration: generation(stored) }));
  });
}

function overwriting(blobs: () => Blobs): void {
  for (const size of [6, 3 * mebibyte]) {
    test(`creating twice, with ${size} bytes, keeps the first, but reads the second body and verifies it`, async () => {
      const name = newName();
      const first = await blobs().write(name, body('first'), createOnly);
      let read = 0;
      let readWhenVerified = 0;
      const second = await blobs().write(
        name,
        (async function* () {
          for (const half of [0, 1]) {
            read += size / 2;
            yield Buffer.alloc(size / 2, half);
          }
        })(),
        {
          ...createOnly,
          verify: () => {
            readWhenVerified = read;
          },
        },
      );
      assert.equal(second, undefined);
      assert.equal(readWhenVerified, size);
      assert.deepEqual(await blobs().stat(name), first);
      assert.equal(await text(blobs(), name), 'first');
    });
  }

  test('a body in vain that throws, or does not verify, rejects all the same', async () => {
    const name = newName();
    await blobs().write(name, body('first'), createOnly);
    const gone = new Error('the client went away');
    await assert.rejects(blobs().write(name, failing(5, gone), createOnly), (e) => e === gone);
    const verify = () => {
      throw gone;
    };
    const unverified = blobs().write(name, body('second'), { ...createOnly, verify });
    await assert.rejects(unverified, (error) => error === gone);
    assert.equal(await text(blobs(), name), 'first');
  });

  test('overwriting takes the present generation and gives another', async () => {
    const name = newName();
    const first = await blobs().write(name, body('first'), createOnly);
    const ifFirst = { ifGeneration: generation(first) };
    const second = await blobs().write(name, body('the second'), ifFirst);
    assert.equal(second?.size, 10);
    assert.notEqual(generation(second), generation(first));
    assert.deepEqual(await blobs().stat(name), second);

    assert.equal(await blobs().write(name, body('third'), ifFirst), undefined);
    assert.deepEqual(await blobs().stat(name), second);
    assert.equal(await text(blobs(), name), 'the second');
  });

  test('overwriting what is not there answers undefined and makes nothing', async () => {
    const name = newName();
    const written = await blobs().write(name, body('bytes'), { ifGeneration: '1234567' });
    assert.equal(written, undefined);
    assert.equal(await blobs().stat(name), undefined);
  });

  test('of 8 who create the same object at once exactly one does', async () => {
    const name = newName();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        blobs().write(name, body(`writer ${index}`), createOnly),
      ),
    );
    const winners = answers.flatMap((answer, index) => (answer === undefined ? [] : [index]));
    assert.equal(winners.length, 1);
    assert.equal(await text(blobs(), name), `writer ${winners[0]}`);
  });
}

function reading(blobs: () => Blobs): void {
  const large = Buffer.alloc(20 * mebibyte);
  for (let at = 0; at < large.length; at += 4) large.writeUInt32LE(at, at);
  const last = large.length - 1;
  let name: ObjectName;
  before(async () => {
    name = newName();
    await blobs().write(name, chunked(large, 100_003), createOnly);
  });

  test('an object of 20 MiB is read as it was written', async () => {
    const read = await blobs().read(name);
    assert.ok(read);
    const hash = createHash('sha256');
    assert.equal(read.size, large.length);
    for await (const piece of read.bytes) hash.update(piece);
    assert.equal(hash.digest('hex'), createHash('sha256').update(large).digest('hex'));
  });

  for (const { start, end, of } of [
    { start: 0, end: 0, of: 'the first byte' },
    { start: last, end: last, of: 'the last byte' },
    { start: 1, end: 4 * mebibyte, of: 'bytes from an odd offset on' },
    { start: 7_654_321, end: 17_000_001, of: 'bytes in the middle' },
    { start: 65_537, end: 131_073, of: 'few bytes' },
    { start: 0, end: last, of: 'all bytes' },
  ]) {
    test(`a range answers ${of} and nothing else`, async () => {
      const read = await collect(blobs(), name, { start, end });
      assert.ok(read.equals(large.subarray(start, end + 1)));
    });
  }

  for (const many of [1, 3]) {
    test(`a reader may stop after ${many} of the pieces`, async () => {
      let pieces = 0;
      for await (const piece of (await blobs().read(name))?.bytes ?? []) {
        assert.ok(piece.length > 0);
        pieces += 1;
        if (pieces === many) break;
      }
      assert.equal(pieces, many);
    });
  }

  test('a reader may stop before it has begun', async () => {
    const read = await blobs().read(name);
    assert.ok(read);
    await read.bytes[Symbol.asyncIterator]().return?.();
  });

  test('an object that does not exist has no state and no bytes', async () => {
    const missing = newName();
    assert.equal(await blobs().stat(missing), undefined);
    assert.equal(await blobs().read(missing), undefined);
    assert.equal(await blobs().read(missing, { start: 0, end: 0 }), undefined);
  });
}

function composing(blobs: () => Blobs): void {
  test('sources that have not the size they should are not composed', async () => {
    const project = `project-${randomUUID()}`;
    const sources = [partName(project, 'a'), partName(project, 'b')];
    for (const source of sources) await blobs().write(source, body('four'), createOnly);
    const name = newName();
    for (const [count, size] of [
      [1, 3],
      [1, 5],
      [2, 7],
      [2, 9],
    ] as const) {
      const composed = blobs().compose(sources.slice(0, count), name, { ...createOnly, size });
      await assert.rejects(composed, /bytes, not/);
      assert.equal(await blobs().stat(name), undefined);
    }
    assert.ok(await blobs().compose(sources, name, { ...createOnly, size: 8 }));
  });

  for (const count of [1, 3, 40]) {
    test(`composing of ${count} joins the bytes in order, and the sources stay`, async () => {
      const project = newProject();
      const texts = Array.from({ length: count }, (_, index) => `part ${index};`.repeat(index + 1));
      const sources = await writeParts(blobs(), project, texts);
      const name = blobName(project, texts.join(''));
      const stored = await compose(blobs(), sources, name, createOnly);
      assert.equal(stored?.size, texts.join('').length);
      assert.deepEqual(await blobs().stat(name), stored);
      assert.equal(await text(blobs(), name), texts.join(''));
      for (const [index, source] of sources.entries()) {
        assert.equal(await text(blobs(), source), texts[index]);
      }
    });
  }

  for (const count of [1, 2]) {
    test(`composing of ${count} over an object answers undefined, and the object stays`, async () => {
      const project = newProject();
      const sources = await writeParts(blobs(), project, ['one', 'two'].slice(0, count));
      const name = blobName(project, 'name');
      const first = await blobs().write(name, body('first'), createOnly);
      assert.equal(await compose(blobs(), sources, name, createOnly), undefined);
      assert.deepEqual(await blobs().stat(name), first);
      assert.equal(await text(blobs(), name), 'first');
    });

    test(`composing of ${count} can be repeated, each time at the present generation`, async () => {
      const project = newProject();
      const texts = ['one', 'two'].slice(0, count);
      const sources = await writeParts(blobs(), project, texts);
      const name = blobName(project, 'name');
      const first = await compose(blobs(), sources, name, createOnly);
      assert.equal(await compose(blobs(), sources, name, createOnly), undefined);
      assert.deepEqual(await blobs().stat(name), first);

      const again = { ifGeneration: generation(first) };
      const second = await compose(blobs(), sources, name, again);
      assert.notEqual(generation(second), generation(first));
      assert.equal(await compose(blobs(), sources, name, again), undefined);
      assert.deepEqual(await blobs().stat(name), second);
      assert.equal(await text(blobs(), name), texts.join(''));
    });

    test(`an object composed of ${count}, deleted and composed again has another generation`, async () => {
      const project = newProject();
      const sources = await writeParts(blobs(), project, ['one', 'two'].slice(0, count));
      const name = blobName(project, 'name');
      const first = await compose(blobs(), sources, name, createOnly);
      assert.equal(await blobs().delete(name, { ifGeneration: generation(first) }), true);
      const second = await compose(blobs(), sources, name, createOnly);
      assert.equal(await blobs().delete(name, { ifGeneration: generation(first) }), false);
      assert.deepEqual(await blobs().stat(name), second);
    });
  }

  test('of 8 who compose the same object at once exactly one does', async () => {
    const project = newProject();
    const sources = await writeParts(blobs(), project, ['bytes']);
    const name = blobName(project, 'name');
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => compose(blobs(), sources, name, createOnly)),
    );
    const made = answers.filter((answer) => answer !== undefined);
    assert.deepEqual(made, [await blobs().stat(name)]);
    assert.equal(await text(blobs(), name), 'bytes');
  });

  for (const missingAt of [0, 1]) {
    test(`composing without source ${missingAt} rejects with ObjectMissing and makes nothing`, async () => {
      const project = newProject();
      const sources = await writeParts(blobs(), project, ['one']);
      const name = blobName(project, 'name');
      sources.splice(missingAt, 0, partName(project, 'missing'));
      await assert.rejects(compose(blobs(), sources, name, createOnly), ObjectMissing);
      await assert.rejects(
        compose(blobs(), [partName(project, 'missing')], name, createOnly),
        ObjectMissing,
      );
      assert.equal(await blobs().stat(name), undefined);
    });
  }

  test('one source composed to two names, and deleted, leaves both whole', async () => {
    const project = newProject();
    const sources = await writeParts(blobs(), project, ['bytes']);
    const names = [blobName(project, 'one'), blobName(project, 'another')];
    for (const name of names) assert.ok(await compose(blobs(), sources, name, createOnly));
    for (const source of sources) {
      const { generation: ifGeneration } = (await blobs().stat(source)) ?? assert.fail();
      assert.equal(await blobs().delete(source, { ifGeneration }), true);
    }
    for (const name of names) assert.equal(await text(blobs(), name), 'bytes');
  });
}

function deleting(blobs: () => Blobs): void {
  test('only the present generation can be deleted, and only once', async () => {
    const name = newName();
    const stored = await blobs().write(name, body('bytes'), createOnly);
    assert.equal(await blobs().delete(name, { ifGeneration: '1234567' }), false);
    assert.deepEqual(await blobs().stat(name), stored);
    const present = { ifGeneration: generation(stored) };
    assert.equal(await blobs().delete(name, present), true);
    assert.equal(await blobs().stat(name), undefined);
    assert.equal(await blobs().read(name), undefined);
    assert.equal(await blobs().delete(name, present), false);
  });

  test('an object deleted and written again is not deleted by its old generation', async () => {
    const name = newName();
    const first = await blobs().write(name, body('bytes'), createOnly);
    const ifFirst = { ifGeneration: generation(first) };
    assert.equal(await blobs().delete(name, ifFirst), true);
    const second = await blobs().write(name, body('bytes'), createOnly);
    assert.notEqual(generation(second), generation(first));
    assert.equal(await blobs().delete(name, ifFirst), false);
    assert.deepEqual(await blobs().stat(name), second);
  });

  test('of a delete and an overwrite of one generation exactly one happens', async () => {
    const name = newName();
    const present = {
      ifGeneration: generation(await blobs().write(name, body('first'), createOnly)),
    };
    const [deleted, overwritten] = await Promise.all([
      blobs().delete(name, present),
      blobs().write(name, body('second'), present),
    ]);
    assert.notEqual(deleted, overwritten !== undefined);
    assert.deepEqual(await blobs().stat(name), overwritten);
  });
}

function naming(blobs: () => Blobs): void {
  test('a list has the objects below its prefix, and no sibling that begins alike', async () => {
    const project = newProject();
    const stored = new Map<string, StoredObject | undefined>();
    for (const name of [
      ['local', project, 'blobs', 'one'],
      ['local', project, 'blobs', 'two'],
      ['local', project, 'blobs', 'two', 'deeper'],
      ['local', project, 'blobsy', 'three'],
      ['local', project, 'parts', 'session', '1'],
      ['local', `${project}b`, 'blobs', 'four'],
    ]) {
      stored.set(name.join(' '), await blobs().write(name, body('bytes'), createOnly));
    }
    const listed = async (...prefix: string[]) =>
      new Set((await list(blobs(), prefix)).map(({ name }) => name.slice(2).join(' ')));
    assert.deepEqual(
      await listed('local', project, 'blobs'),
      new Set(['blobs one', 'blobs two', 'blobs two deeper']),
    );
    assert.deepEqual(
      await listed('local', project, 'parts', 'session'),
      new Set(['parts session 1']),
    );
    assert.deepEqual(await listed('local', `${project}b`), new Set(['blobs four']));
    assert.deepEqual(await listed('local', project, 'nothing'), new Set());
    assert.equal((await list(blobs(), ['local', project])).length, 5);

    for (const { name, createdAt, ...object } of await list(blobs(), ['local', project])) {
      assert.deepEqual(object, stored.get(name.join(' ')));
      // The store's clock need not be ours.
      assert.ok(Number.isInteger(createdAt) && Math.abs(createdAt - Date.now()) < 3_600_000);
    }
  });

  test('awkward names are names like any other', async () => {
    const project = newProject();
    const elements = [
      ...['.', '..', '...', '.hidden', 'a/b', 'a', 'A', '/', '\\', '\0', '%', '%2e', '__v1__'],
      ...['a=', 'a+', 'ab@', '~', '*', '?', ' ', 'ä', 'a\u0308', '漢字', '😀', 'sha256:AB', 'tmp'],
      ...['x'.repeat(199), 'x'.repeat(255), 'X'.repeat(255), `${'x'.repeat(200)}...`],
      `sha256:${'0'.repeat(64)}`,
      `sha512:${'ab'.repeat(64)}`,
    ];
    const names = elements.flatMap((element) => [
      ['local', project, 'blobs', element],
      ['local', project, 'parts', element, 'last'],
    ]);
    for (const name of names) {
      assert.ok(await blobs().write(name, body(JSON.stringify(name)), createOnly), name.join(' '));
    }
    for (const name of names) assert.equal(await text(blobs(), name), JSON.stringify(name));
    const listed = (await list(blobs(), ['local', project])).map(({ name }) => name);
    assert.equal(listed.length, names.length);
    assert.deepEqual(new Set(listed.map(String)), new Set(names.map(String)));
    assert.equal((await list(blobs(), ['local', project, 'parts', 'A'])).length, 1);
  });
}

function newProject(): string {
  return `contract-${randomUUID()}`;
}

function newName(): ObjectName {
  return blobName(newProject(), randomUUID());
}

function blobName(project: string, content: string): ObjectName {
  return [
    'local',
    project,
    'blobs',
    `sha256:${createHash('sha256').update(content).digest('hex')}`,
  ];
}

function partName(project: string, part: string): ObjectName {
  return ['local', project, 'parts', 'session', part];
}

async function writeParts(
  blobs: Blobs,
  project: string,
  texts: readonly string[],
): Promise<ObjectName[]> {
  const names = texts.map((_, index) => partName(project, String(index)));
  for (const [index, name] of names.entries()) {
    assert.ok(await blobs.write(name, body(texts[index] ?? ''), createOnly));
  }
  return names;
}

function bytes(content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? Buffer.from(content) : content;
}

/** Composes what the sources have now. */
export async function compose(
  blobs: Blobs,
  sources: readonly ObjectName[],
  name: ObjectName,
  options: { readonly ifGeneration: string },
): Promise<StoredObject | undefined> {
  const stats = await Promise.all(sources.map((source) => blobs.stat(source)));
  const size = stats.reduce((sum, stat) => sum + (stat?.size ?? 0), 0);
  return blobs.compose(sources, name, { ...options, size });
}

/** A body of these chunks. */
export async function* body(...chunks: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield bytes(chunk);
}

async function* chunked(content: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += chunkBytes) {
    yield content.subarray(at, at + chunkBytes);
  }
}

async function* failing(afterBytes: number, error: Error): AsyncGenerator<Uint8Array> {
  yield* chunked(Buffer.alloc(afterBytes), 64 * 1024);
  throw error;
}

async function collect(
  blobs: Blobs,
  name: ObjectName,
  range?: { start: number; end: number },
): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const object = (await blobs.read(name, range)) ?? assert.fail('no such object');
  assert.equal(object.size, (await blobs.stat(name))?.size, 'the size is the whole object’s');
  for await (const piece of object.bytes) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

/** The object's bytes as text; fails when there is no object. */
export async function text(blobs: Blobs, name: ObjectName): Promise<string> {
  return (await collect(blobs, name)).toString();
}

async function list(blobs: Blobs, prefix: ObjectName): Promise<ListedObject[]> {
  const objects: ListedObject[] = [];
  for await (const object of blobs.list(prefix)) objects.push(object);
  return objects;
}

/** The generation of an object that a call should have answered. */
export function generation(stored: StoredObject | undefined): string {
  return stored?.generation ?? assert.fail('nothing was stored');
}

/** Bytes that buffers really hold: garbage is collected first, because it is not held. */
function memoryHeld(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().arrayBuffers;
}
