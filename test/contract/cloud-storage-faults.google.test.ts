// Blobs in Cloud Storage when the service is busy, the network breaks, or both: every call ends, in a right answer where
// there is one, and nothing is sent twice that need not be.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { openCloudStorageBlobs } from '#shared/google/cloud-storage-blobs.ts';
import { absent, type Blobs, ObjectMissing } from '#shared/ports/blobs.ts';
import { systemClock } from '#shared/ports/clock.ts';
import type { CloudStorage } from '#test/support/cloud-storage/server.ts';
import { type Line, openLine } from '#test/support/line.ts';
import { body, generation, text } from './blobs.ts';
import {
  blob,
  bytesOf,
  chunkBytes,
  hasty,
  mebibyte,
  part,
  pattern,
  pieces,
  type StandIn,
  standIn,
  standInBuckets,
} from './stand-in.ts';

const createOnly = { ifGeneration: absent };
const large = pattern(2 * chunkBytes + mebibyte);
const twoChunks = large.subarray(0, chunkBytes + 1);

/** Each operation of the service, and a call that needs it, on a store with part `1` and part `2`. */
const calls: Readonly<Record<string, (blobs: Blobs) => Promise<unknown>>> = {
  'objects.insert.multipart': (blobs) => blobs.write(blob, body('bytes'), createOnly),
  'uploads.start': (blobs) => blobs.write(blob, pieces(twoChunks), createOnly),
  'uploads.put': (blobs) => blobs.write(blob, pieces(twoChunks), createOnly),
  'objects.get': (blobs) => blobs.stat(part('1')),
  'objects.getMedia': (blobs) => text(blobs, part('1')),
  'objects.rewrite': (blobs) => blobs.compose([part('1')], blob, { ...createOnly, size: 4 }),
  'objects.compose': (blobs) =>
    blobs.compose([part('1'), part('2')], blob, { ...createOnly, size: 8 }),
  'objects.delete': async (blobs) => {
    const { generation: ifGeneration } = (await blobs.stat(part('1'))) ?? assert.fail();
    return blobs.delete(part('1'), { ifGeneration });
  },
  'objects.list': async (blobs) => {
    for await (const { name } of blobs.list(['local', 'project', 'parts'])) return name;
    return assert.fail('nothing is listed');
  },
};

for (const [operation, call] of Object.entries(calls)) {
  test(`${operation} is asked again of a service that is busy or breaks off`, async (t) => {
    const { blobs, server } = await withParts(t);
    server.failNext({ operation, status: 429 });
    server.failNext({ operation, status: 503 });
    server.failNext({ operation, breakRequestAfterBytes: 0 });
    const expected = await call((await withParts(t)).blobs);
    assert.deepEqual(comparable(await call(blobs)), comparable(expected));
  });

  test(`${operation} that was done, with its answer lost, ends as if it had been answered`, async (t) => {
    const { blobs, server } = await withParts(t);
    server.failNext({ operation, loseAnswer: true });
    const answer = await call(blobs);
    const expected = await call((await withParts(t)).blobs);
    assert.deepEqual(comparable(answer), comparable(expected));
    if (answer !== null && typeof answer === 'object' && 'generation' in answer) {
      assert.deepEqual(await blobs.stat(operation === 'objects.get' ? part('1') : blob), answer);
    }
  });

  test(`${operation} that goes on failing is given up, and nothing secret is told`, async (t) => {
    const { blobs, server } = await withParts(t, { ...hasty, retryMsMax: 20 });
    server.failNext({ operation, times: 1_000, status: 503 });
    await assert.rejects(call(blobs), (error) => {
      assert.match(String(error), /^StorageFailure: Cloud Storage answered 503/);
      assert.doesNotMatch(inspect(error, { depth: 9 }), /upload_id|authorization/i);
      return true;
    });
  });

  test(`${operation} that is not allowed is not asked again`, async (t) => {
    const { blobs, server } = await withParts(t);
    server.resetRequests();
    server.failNext({ operation, times: 1_000, status: 403 });
    await assert.rejects(call(blobs), /Cloud Storage answered 403/);
    assert.equal(server.counts()[operation], 1);
  });
}

for (const operation of ['objects.insert.multipart', 'objects.get', 'objects.getMedia']) {
  test(`${operation} that is not answered is asked again`, async (t) => {
    const patience = { ...hasty, answerMsMax: 200, chunkMsMax: 200 };
    const { blobs, server } = await withParts(t, patience);
    const never = Promise.withResolvers<void>();
    t.after(() => never.resolve());
    server.failNext({ operation, answerAfter: never.promise });
    assert.ok(await calls[operation]?.(blobs));
  });
}

test('nobody listens: the call is given up, and says what is the matter', async () => {
  const blobs = openOn('http://127.0.0.1:1', { ...hasty, retryMsMax: 20 });
  await assert.rejects(blobs.stat(blob), /no answer from Cloud Storage: ECONNREFUSED/);
  await assert.rejects(blobs.write(blob, body('bytes'), createOnly), /ECONNREFUSED/);
});

test('a chunk whose connection breaks is taken up where the service stands', async (t) => {
  const { blobs, server, line } = await onLine(t);
  const sent = chunkBytes - mebibyte;
  server.failNext({ operation: 'uploads.put', breakRequestAfterBytes: sent });
  assert.ok(await blobs.write(blob, pieces(large), createOnly));
  assert.ok(large.equals(await bytesOf(blobs, blob)));
  // What was on its way when the connection broke is sent again: the last MiB of the chunk, and no more.
  const again = line.sentBytes - large.length;
  assert.ok(again < 1.1 * mebibyte, `${again} bytes were sent again`);
});

test('a chunk is taken up again and again, as long as the service gets on', async (t) => {
  const { blobs, server } = await standIn(t);
  // Every second request is the question where it stands.
  server.failNext({ operation: 'uploads.put', times: 24, breakRequestAfterBytes: mebibyte });
  assert.ok(await blobs.write(blob, pieces(large), createOnly));
  assert.ok(large.equals(await bytesOf(blobs, blob)));
});

test('a last chunk that is there, and whose answer is lost twice, is not sent again', async (t) => {
  const { blobs, server, line } = await onLine(t);
  server.failNext({ operation: 'uploads.put', skip: 2, times: 2, loseAnswer: true });
  const stored = await blobs.write(blob, pieces(large), createOnly);
  assert.deepEqual(await blobs.stat(blob), stored);
  assert.ok(line.sentBytes < large.length + mebibyte / 4);
});

test('after an answer was lost, a session that is over tells whose the object is', async (t) => {
  const { blobs, server } = await standIn(t);
  server.failNext({ operation: 'uploads.put', skip: 2, loseAnswer: true });
  server.failNext({ operation: 'uploads.put', skip: 2, status: 410 });
  const stored = await blobs.write(blob, pieces(large), createOnly);
  assert.deepEqual(await blobs.stat(blob), stored);

  // The precondition failed, which was not answered, and ended the session.
  const name = part('contended');
  server.failNext({ operation: 'uploads.put', skip: 2, loseAnswer: true });
  const late = (async function* () {
    yield* pieces(large.subarray(0, chunkBytes));
    yield* pieces(large.subarray(chunkBytes));
    await blobs.write(name, body('first'), createOnly);
  })();
  assert.equal(await blobs.write(name, late, createOnly), undefined);
  assert.equal(await text(blobs, name), 'first');

  server.failNext({ operation: 'uploads.put', skip: 2, status: 410 });
  await assert.rejects(blobs.write(part('new'), pieces(large), createOnly), /answered 410/);
});

test('what another wrote is not taken for one’s own, although an attempt had failed', async (t) => {
  const { blobs, server } = await withParts(t);
  const first = await blobs.write(blob, body('bytes'), createOnly);
  for (const operation of ['objects.insert.multipart', 'objects.rewrite']) {
    server.failNext({ operation, status: 503 });
    assert.equal(await calls[operation]?.(blobs), undefined);
  }
  assert.deepEqual(await blobs.stat(blob), first);
});

for (const [size, of] of [
  [5, 'a small body'],
  [large.length, 'a large body'],
] as const) {
  test(`${of} that changes on its way is refused, and nothing is visible`, async (t) => {
    const { blobs, line } = await onLine(t);
    let changes = 0;
    line.onSent = (piece) => {
      const at = changes === 0 ? piece.indexOf('xxxxx') : -1;
      if (at !== -1) changes = piece.write('y', at);
      return piece;
    };
    const bytes = pieces(Buffer.alloc(size, 'x'));
    await assert.rejects(blobs.write(blob, bytes, createOnly), /Cloud Storage answered 400/);
    assert.equal(await blobs.stat(blob), undefined);
  });

  test(`${of} that is stored with another checksum is deleted, that very generation`, async (t) => {
    const { blobs, server, line } = await onLine(t);
    line.onAnswer = (piece) =>
      Buffer.from(piece.toString('latin1').replace(/("crc32c": ?")....../, '$1AAAAAA'), 'latin1');
    const bytes = pieces(large.subarray(0, size));
    await assert.rejects(blobs.write(blob, bytes, createOnly), /stored other bytes/);
    line.onAnswer = (piece) => piece;
    assert.equal(await blobs.stat(blob), undefined);
    assert.equal(server.counts()['objects.delete'], 1);
  });
}

test('a read that breaks off goes on where it was, as often as it takes', async (t) => {
  const { blobs, server } = await standIn(t);
  await blobs.write(blob, pieces(large), createOnly);
  server.resetRequests();
  for (let broken = 0; broken < 3; broken += 1) {
    server.failNext({ operation: 'objects.getMedia', breakResponseAfterBytes: 3 * mebibyte });
  }
  assert.ok(large.equals(await bytesOf(blobs, blob)));
  assert.equal(server.counts()['objects.getMedia'], 4);

  server.failNext({ operation: 'objects.getMedia', breakResponseAfterBytes: mebibyte });
  const range = { start: 5, end: 5 * mebibyte };
  const read: Uint8Array[] = [];
  for await (const piece of (await blobs.read(blob, range))?.bytes ?? []) read.push(piece);
  assert.ok(large.subarray(5, 5 * mebibyte + 1).equals(Buffer.concat(read)));
});

test('a read never goes on in another generation', async (t) => {
  const { blobs, server } = await standIn(t);
  const first = await blobs.write(blob, pieces(large), createOnly);
  server.failNext({ operation: 'objects.getMedia', breakResponseAfterBytes: mebibyte });
  const { bytes } = (await blobs.read(blob)) ?? assert.fail();
  await blobs.write(blob, pieces(pattern(large.length)), { ifGeneration: generation(first) });
  await assert.rejects(async () => {
    for await (const _ of bytes);
  }, /answered 404/);
});

test('a service that falls silent in the midst of an object is asked for the rest', async (t) => {
  const { blobs, line } = await onLine(t, { ...hasty, answerMsMax: 200 });
  await blobs.write(blob, pieces(large), createOnly);
  let passed = 0;
  let silent: number | undefined;
  line.onAnswer = (piece, connection) => {
    passed += piece.length;
    if (passed > mebibyte) silent ??= connection;
    return connection === silent ? undefined : piece;
  };
  assert.ok(large.equals(await bytesOf(blobs, blob)));
});

test('a reader who comes back late gets the rest, although its connection was not kept', async (t) => {
  const { blobs, server, line } = await onLine(t, { ...hasty, answerMsMax: 50 });
  await blobs.write(blob, pieces(large), createOnly);
  server.resetRequests();
  const closed = line.nextClose();
  const { bytes } = (await blobs.read(blob)) ?? assert.fail();
  const read: Uint8Array[] = [];
  for await (const piece of bytes) {
    read.push(piece);
    if (read.length === 1) await closed;
  }
  assert.ok(large.equals(Buffer.concat(read)));
  assert.equal(server.counts()['objects.getMedia'], 2);
});

test('a source that goes while it is composed is missing', async (t) => {
  const { blobs, server } = await withParts(t);
  const { generation: ifGeneration } = (await blobs.stat(part('1'))) ?? assert.fail();
  const found = Promise.withResolvers<void>();
  server.failNext({ operation: 'objects.get', answerAfter: found.promise });
  const composing = blobs.compose([part('1')], blob, { ...createOnly, size: 4 });
  await blobs.delete(part('1'), { ifGeneration });
  found.resolve();
  await assert.rejects(composing, ObjectMissing);
});

async function withParts(t: TestContext, patience = hasty): Promise<StandIn> {
  const opened = await standIn(t, { patience });
  for (const id of ['1', '2']) await opened.blobs.write(part(id), body(`part`), createOnly);
  return opened;
}

/** A stand-in that is reached by a line. */
async function onLine(
  t: TestContext,
  patience = hasty,
): Promise<{ blobs: Blobs; server: CloudStorage; line: Line }> {
  const { server } = await standIn(t);
  const line = await openLine(server.url);
  t.after(() => line.close());
  return { blobs: openOn(line.url, patience), server, line };
}

function openOn(apiEndpoint: string, patience = hasty): Blobs {
  const buckets = () => standInBuckets;
  return openCloudStorageBlobs({ buckets, clock: systemClock, apiEndpoint, patience });
}

/** An answer without what differs from run to run. */
function comparable(answer: unknown): unknown {
  if (answer === null || typeof answer !== 'object' || !('generation' in answer)) return answer;
  return { ...answer, generation: 'some' };
}
