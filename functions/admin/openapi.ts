// GET /api/v1/openapi.json: what there is of the admin API, for programs (OpenAPI 3.1).

import { createHash } from 'node:crypto';
import { isFresh } from '#shared/http/conditional.ts';
import { parseDigest } from '#shared/oci/digest.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import type { Action } from '../action.ts';
import description from './openapi.json' with { type: 'json' };

const body = JSON.stringify(description);
const digest = parseDigest(`sha256:${createHash('sha256').update(body).digest('hex')}`);

export const openapi: Action = async ({ headers }) => {
  const headersOfBoth = { ETag: `"${digest}"`, 'Cache-Control': 'public, max-age=3600' };
  if (digest !== undefined && isFresh(headers, digest)) {
    return { status: 304, headers: headersOfBoth };
  }
  return { status: 200, headers: { 'Content-Type': mediaTypes.json, ...headersOfBoth }, body };
};
