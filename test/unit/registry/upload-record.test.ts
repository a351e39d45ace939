// What is remembered of an upload session is one document, which has its limit.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { digestOf, resumableHash } from '#shared/oci/digest.ts';
import { sessionPartsMax } from '#shared/oci/limits.ts';
import { encodeValue } from '#shared/ports/document-encoding.ts';
import { documentBytesMax } from '#shared/ports/documents.ts';
import { newPartId } from '#shared/registry/layout.ts';
import type { UploadRecord } from '#shared/registry/records.ts';

it('a session of as many chunks as it may have fits into its document', async () => {
  const size = 32 * 1024 * 1024;
  const generation = String(Date.now() * 1000);
  const record: UploadRecord = {
    offset: sessionPartsMax * size,
    parts: Array.from({ length: sessionPartsMax }, () => ({ id: newPartId(), size, generation })),
    digest: digestOf(Buffer.from('all of it'), 'sha512'),
    hashState: (await resumableHash('sha512')).save(),
  };
  assert.ok(encodeValue(record).json.length < documentBytesMax);
});
