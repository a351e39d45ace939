// GET and HEAD blobs/{digest} of a mirror (end-2): from the store, or as it comes of the upstream.

import { isFresh, rangeApplies } from '#shared/http/conditional.ts';
import type { Reply } from '#shared/http/reply.ts';
import type { Source } from '#shared/mirror/client.ts';
import type { Mirror } from '#shared/mirror/mirror.ts';
import type { Digest } from '#shared/oci/digest.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import { parseRange, type Range } from '#shared/oci/range.ts';
import { type RepositoryAction, type RepositoryRequest, requireDigest } from '../action.ts';
import { blobHeaders, blobReply, redirectReply, unsatisfiable } from '../blob-replies.ts';
import type { Services } from '../services.ts';
import { asked, sourceOf } from './source.ts';

interface Wanted {
  readonly request: RepositoryRequest;
  readonly services: Services;
  readonly mirror: Mirror;
  readonly source: Source;
  readonly digest: Digest;
}

export const getBlob: RepositoryAction = async (request, services) => {
  const { mirror, source } = sourceOf(request, services);
  const digest = requireDigest(request.params['digest']);
  const wanted = { request, services, mirror, source, digest };
  const stored = await mirror.storedBlob(source, digest);
  const reply = stored && (await fromStore(wanted, stored.size));
  return reply ?? fromUpstream(wanted);
};

/** `undefined` where its object has gone. */
async function fromStore(wanted: Wanted, size: number): Promise<Reply | undefined> {
  const { request, services, mirror, source, digest } = wanted;
  const answered = withoutBytes(wanted, size);
  if (answered !== undefined) return answered;
  const range = rangeOf(wanted, size);
  const object = mirror.objectOf(source, digest);
  const url = await services.blobs.readUrl(object, { mediaType: mediaTypes.octetStream });
  const redirect = redirectReply(digest, request.host, url);
  if (redirect !== undefined) return redirect;
  const bytes = await mirror.readStored(source, digest, { size, range });
  return bytes && blobReply({ digest, size }, range, bytes);
}

async function fromUpstream(wanted: Wanted): Promise<Reply> {
  const { request, services, mirror, source, digest } = wanted;
  if (request.method === 'HEAD' || isFresh(request.headers, digest)) {
    const size = await asked(source, services, () => mirror.sizeOf(source, digest));
    const answered = size === undefined ? undefined : withoutBytes(wanted, size);
    if (answered === undefined) throw blobUnknown(wanted);
    return answered;
  }
  const start = Number(/^bytes=(\d{1,15})-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const opened = await asked(source, services, () => mirror.fetchBlob(source, digest, start));
  if (opened === undefined) throw blobUnknown(wanted);
  const { size } = opened;
  if (opened.kind === 'coming') {
    const range = rangeOf(wanted, size);
    return blobReply({ digest, size }, range, opened.read(range ?? { start: 0, end: size - 1 }));
  }
  const reply = await fromStore(wanted, size);
  if (reply === undefined) throw new Error(`the mirrored blob ${digest} has gone again`);
  return reply;
}

/** What needs no bytes: HEAD, and who has them already. */
function withoutBytes({ request, digest }: Wanted, size: number): Reply | undefined {
  if (isFresh(request.headers, digest)) return { status: 304, headers: blobHeaders(digest) };
  return request.method === 'HEAD' ? blobReply({ digest, size }, undefined, '') : undefined;
}

/** @throws RegistryError SIZE_INVALID (416) */
function rangeOf({ request: { headers }, digest }: Wanted, size: number): Range | undefined {
  const range = rangeApplies(headers, digest) ? parseRange(headers.range, size) : undefined;
  if (range === 'unsatisfiable') throw unsatisfiable(size);
  return range;
}

function blobUnknown({ source: { upstream, name }, digest }: Wanted): RegistryError {
  return new RegistryError('BLOB_UNKNOWN', {
    message: `${upstream.name} has no such blob, or none that anybody may pull`,
    detail: { name, digest },
  });
}
