// Run by a test as a process of its own, whose memory is the adapter's: 16 uploads at once, of 32 MiB each.

import { openCloudStorageBlobs } from '#shared/google/cloud-storage-blobs.ts';
import { absent } from '#shared/ports/blobs.ts';
import { systemClock } from '#shared/ports/clock.ts';
import { mebibyte, standInBuckets } from './stand-in.ts';

const [, , apiEndpoint] = process.argv;
const blobs = openCloudStorageBlobs({
  buckets: () => standInBuckets,
  clock: systemClock,
  apiEndpoint,
});

/** New memory with every piece, as a connection gives it. */
async function* layer(): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < 32 * mebibyte; sent += 65_536) yield Buffer.alloc(65_536, sent);
}

const uploads = Array.from({ length: 16 }, (_, index) =>
  blobs.write(['local', 'project', 'blobs', String(index)], layer(), { ifGeneration: absent }),
);
const stored = await Promise.all(uploads);
const maxResidentMiB = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(
  JSON.stringify({ sizes: stored.map((object) => object?.size), maxResidentMiB }),
);
