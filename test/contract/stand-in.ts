// Blobs on a stand-in of Cloud Storage, for a test.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import {
  type CloudStorageBlobsOptions,
  openCloudStorageBlobs,
} from '#shared/google/cloud-storage-blobs.ts';
import type { Patience } from '#shared/google/storage-retries.ts';
import { type Blobs, gather, type ObjectName } from '#shared/ports/blobs.ts';
import { type Clock, systemClock } from '#shared/ports/clock.ts';
import type { Operation } from '#shared/ports/meter.ts';
import {
  type CloudStorage,
  type CloudStorageOptions,
  startCloudStorage,
} from '#test/support/cloud-storage/server.ts';

export const mebibyte = 1024 * 1024;

export const standInBuckets = { blobs: 'berth-blobs', staging: 'berth-staging' };

/** What an upload sends at once while it is alone. */
export const chunkBytes = 8 * mebibyte;

/** Tests do not wait. */
export const hasty: Partial<Patience> = { delayMsFirst: 1, delayMsMax: 4 };

export const blob: ObjectName = ['local', 'project', 'blobs', `sha256:${'ab'.repeat(32)}`];
export const part = (id: string): ObjectName => ['local', 'project', 'parts', 'session', id];

export function startStandIn(options: CloudStorageOptions = {}): Promise<CloudStorage> {
  const { blobs, staging } = standInBuckets;
  return startCloudStorage({ ...options, buckets: { [blobs]: {}, [staging]: {} } });
}

export interface StandIn {
  readonly server: CloudStorage;
  readonly blobs: Blobs;
  /** What the meter was told, since the last look. */
  metered(): Partial<Record<Operation, number>>;
}

/** Opens both for one test. */
export async function standIn(
  t: TestContext,
  {
    server: serverOptions,
    clock = systemClock,
    ...options
  }: Partial<CloudStorageBlobsOptions> & {
    readonly server?: CloudStorageOptions;
    readonly clock?: Clock;
  } = {},
): Promise<StandIn> {
  const server = await startStandIn({ clock, ...serverOptions });
  t.after(() => server.close());
  let counts: Partial<Record<Operation, number>> = {};
  const blobs = openCloudStorageBlobs({
    buckets: () => standInBuckets,
    clock,
    apiEndpoint: server.url,
    patience: hasty,
    meter: (operation, times = 1) => {
      counts[operation] = (counts[operation] ?? 0) + times;
    },
    ...options,
  });
  return {
    server,
    blobs,
    metered: () => {
      const seen = counts;
      counts = {};
      return seen;
    },
  };
}

/** Bytes that are nowhere the same. */
export function pattern(size: number): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4));
  for (let index = 0; index < words.length; index += 1) words[index] = index;
  return Buffer.from(words.buffer, 0, size);
}

/** A body in pieces as a connection gives them. */
export async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

/** The object's bytes; fails when there is none. */
export async function bytesOf(blobs: Blobs, name: ObjectName): Promise<Buffer> {
  return gather((await blobs.read(name))?.bytes ?? assert.fail('no such object'));
}
