// A mirror's data, drawn. It lies in a location of its own and in kinds of its own, apart from the registry's; where a key
// names a project it has the upstream's name.
//
//   mirror / upstream /
//     mirrorTags       / name / tag         MirroredTag -> digest, as the upstream said last. Expires when it is not asked for
//     mirrorManifests  / digest             MirroredManifest: media type, and its bytes when small
//     mirrorBlobs      / digest             MirroredBlob: it is stored, and verified
//     mirrorLeases     / digest             BlobLease: who writes or removes the blob's object just now
//     mirrorBudgets    / hour               SpentBytes: what came of the upstream in that hour
//   mirror / - /
//     mirrorReviews    / due / id           MirrorReview: look whether this was used lately
//
//   objects: mirror / upstream / blobs / digest
//
// A blob's object is written and removed by who holds its lease, and has a review before it is written: what a crash leaves
// without a record is found by that. A write over what was left has a new generation, so no removal that comes late hits it.
// A manifest larger than its document may be lies in an object, too, as a blob.

import { randomBytes } from 'node:crypto';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { ObjectName } from '../ports/blobs.ts';
import type { Key } from '../ports/documents.ts';
import { sortable } from '../registry/layout.ts';
import type { KeyOf } from '../registry/records.ts';

// Times are milliseconds since 1970; sizes are bytes.

export type MirroredTag = { readonly digest: Digest; readonly checked: number };

export type MirroredManifest = {
  readonly mediaType: string;
  readonly size: number;
  readonly used: number;
  /** Absent where it lies in an object. */
  readonly bytes?: Uint8Array | undefined;
};

export type MirroredBlob = {
  readonly size: number;
  readonly generation: string;
  readonly used: number;
};

export type BlobLease = {
  /** A random name that one fetch, or one run of the collector, gave itself. */
  readonly owner: string;
  readonly until: number;
};

export type SpentBytes = { readonly spent: number };

export type MirrorReview = {
  readonly upstream: string;
  readonly kind: 'manifest' | 'blob';
  readonly digest: Digest;
};

const location = 'mirror';

export const mirrorTagKey = (
  upstream: string,
  name: RepositoryName,
  tag: Tag,
): KeyOf<MirroredTag> => [location, upstream, 'mirrorTags', name, tag];

export const mirrorManifestKey = (upstream: string, digest: Digest): KeyOf<MirroredManifest> => [
  location,
  upstream,
  'mirrorManifests',
  digest,
];

export const mirrorBlobKey = (upstream: string, digest: Digest): KeyOf<MirroredBlob> => [
  location,
  upstream,
  'mirrorBlobs',
  digest,
];

export const mirrorLeaseKey = (upstream: string, digest: Digest): KeyOf<BlobLease> => [
  location,
  upstream,
  'mirrorLeases',
  digest,
];

export const mirrorBudgetKey = (upstream: string, hour: number): KeyOf<SpentBytes> => [
  location,
  upstream,
  'mirrorBudgets',
  sortable(hour),
];

export const mirrorReviews: Key = [location, '-', 'mirrorReviews'];
/** A new entry's key: entries stand in the order of their time. */
export const mirrorReviewKey = (dueMs: number): KeyOf<MirrorReview> => [
  ...mirrorReviews,
  sortable(dueMs),
  newId(),
];

export const blobObject = (upstream: string, digest: Digest): ObjectName => [
  location,
  upstream,
  'blobs',
  digest,
];

export const newId = (): string => randomBytes(9).toString('base64url');
