import { openCloudStorageBlobs } from '#shared/google/cloud-storage-blobs.ts';
import { systemClock } from '#shared/ports/clock.ts';
import { startCloudStorage } from '#test/support/cloud-storage/server.ts';
import { blobsContract } from './blobs.ts';

const buckets = { blobs: 'berth-blobs', staging: 'berth-staging' };

blobsContract('blobs in Cloud Storage', async () => {
  const server = await startCloudStorage({ buckets: { 'berth-blobs': {}, 'berth-staging': {} } });
  return {
    blobs: openCloudStorageBlobs({
      buckets: () => buckets,
      clock: systemClock,
      apiEndpoint: server.url,
    }),
    close: () => server.close(),
  };
});
