// What is answered of a blob, whoever's it is: all of it, a range, or where it is.

import type { Reply, ReplyHeaders } from '#shared/http/reply.ts';
import type { Digest } from '#shared/oci/digest.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import type { Range } from '#shared/oci/range.ts';

interface Described {
  readonly digest: Digest;
  /** Of the whole. */
  readonly size: number;
}

/** The headers of every answer that is the blob. */
export function blobHeaders(digest: Digest): ReplyHeaders {
  return {
    'Content-Type': mediaTypes.octetStream,
    'Docker-Content-Digest': digest,
    ETag: `"${digest}"`,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, max-age=31536000, immutable',
  };
}

/** 200 with all of it, or 206 with a range. @param body of just that; empty for HEAD */
export function blobReply(
  { digest, size }: Described,
  range: Range | undefined,
  body: NonNullable<Reply['body']>,
): Reply {
  if (range === undefined) {
    return { status: 200, headers: { ...blobHeaders(digest), 'Content-Length': size }, body };
  }
  const { start, end } = range;
  return {
    status: 206,
    headers: {
      ...blobHeaders(digest),
      'Content-Range': `bytes ${start}-${end}/${size}`,
      'Content-Length': end - start + 1,
    },
    body,
  };
}

/** 307, to where the store has it; `undefined` where the bytes are to be sent here. @param host the registry's */
export function redirectReply(
  digest: Digest,
  host: string,
  url: string | undefined,
): Reply | undefined {
  if (url === undefined || isBelow(host, url)) return undefined;
  return { status: 307, headers: { Location: url, 'Docker-Content-Digest': digest } };
}

/**
 * Whether a URL leads to a sub-domain of the registry's host. Clients send their Authorization on to there, and a
 * store refuses a request that is authorised twice, by its signature and by a token that it does not know.
 */
function isBelow(host: string, url: string): boolean {
  return new URL(url).hostname.endsWith(`.${host.replace(/:\d+$/, '')}`);
}

/** 416. */
export function unsatisfiable(size: number): RegistryError {
  return new RegistryError('SIZE_INVALID', {
    message: `the blob has ${size} bytes, and the range asked for is not in it`,
    status: 416,
    headers: { 'Content-Range': `bytes */${size}` },
  });
}
