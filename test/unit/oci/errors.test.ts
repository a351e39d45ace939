// Errors, as clients see them: the envelope of the specification's "Error Codes".

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type ErrorCode,
  errorCodes,
  errorEnvelope,
  gcrErrorCodes,
  RegistryError,
} from '#shared/oci/errors.ts';

/** The specification's table, with the statuses it gives in its text where it does. */
const statuses: Record<ErrorCode, number> = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
  // gcr.io's.
  GOOGLE_MANIFEST_DANGLING_TAG: 400,
  GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE: 400,
  GOOGLE_MANIFEST_REFERRING_MANIFEST: 400,
};
const codes = Object.keys(statuses) as ErrorCode[];

function errorsOf(text: string): unknown {
  const envelope: unknown = JSON.parse(text);
  assert.ok(typeof envelope === 'object' && envelope !== null && 'errors' in envelope);
  assert.deepEqual(Object.keys(envelope), ['errors']);
  return envelope.errors;
}

describe('RegistryError', () => {
  it('has for each of the 14 codes, and of gcr.io’s three, a status and words of its own', () => {
    assert.deepEqual(
      [Object.keys(errorCodes).length, Object.keys(gcrErrorCodes).length, codes.length],
      [14, 3, 17],
    );
    const meanings = codes.map((code) => {
      const error = new RegistryError(code);
      assert.equal(error.code, code);
      assert.equal(error.status, statuses[code], code);
      assert.deepEqual(error.headers, {});
      assert.ok(error.message.length > 0);
      return error.message;
    });
    assert.equal(new Set(meanings).size, 17);
  });

  it('takes another status, message and headers where they are given', () => {
    const headers = { Range: '0-9' };
    const error = new RegistryError('BLOB_UPLOAD_INVALID', {
      message: 'why',
      status: 416,
      headers,
    });
    assert.deepEqual([error.message, error.status, error.headers], ['why', 416, headers]);
  });
});

describe('errorEnvelope', () => {
  it('says code, message and detail, and the request’s id in the detail, whatever the detail is', () => {
    const detail = fc.oneof(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue()));
    fc.assert(
      fc.property(fc.constantFrom(...codes), fc.string(), detail, (code, message, about) => {
        const error = new RegistryError(code, { message, detail: about });
        const isRecord = typeof about === 'object' && about !== null && !Array.isArray(about);
        const shown: unknown = JSON.parse(JSON.stringify(isRecord ? about : { about }));
        const expected = { ...(shown as object), requestId: 'id-1' };
        assert.deepEqual(errorsOf(errorEnvelope(error, 'id-1')), [
          { code, message, detail: expected },
        ]);
      }),
    );
  });

  it('cannot be made to say another request’s id', () => {
    const error = new RegistryError('DENIED', { message: 'no', detail: { requestId: 'forged' } });
    assert.deepEqual(errorsOf(errorEnvelope(error, 'true')), [
      { code: 'DENIED', message: 'no', detail: { requestId: 'true' } },
    ]);
  });

  it('has a detail even when there is nothing to tell', () => {
    const error = new RegistryError('NAME_UNKNOWN');
    assert.deepEqual(errorsOf(errorEnvelope(error, 'id')), [
      { code: 'NAME_UNKNOWN', message: error.message, detail: { requestId: 'id' } },
    ]);
  });

  it('names each of many under the one code', () => {
    const each = ['a', 'b', 'c'].map((digest) => ({
      message: `${digest} is missing`,
      detail: { digest },
    }));
    const envelope = errorEnvelope(new RegistryError('MANIFEST_BLOB_UNKNOWN', { each }), 'id');
    assert.deepEqual(
      errorsOf(envelope),
      each.map(({ message, detail }) => ({
        code: 'MANIFEST_BLOB_UNKNOWN',
        message,
        detail: { ...detail, requestId: 'id' },
      })),
    );
  });

  it('never tells a stack', () => {
    assert.doesNotMatch(errorEnvelope(new RegistryError('DENIED'), 'id'), /\bat |\.ts|node:/);
  });
});
