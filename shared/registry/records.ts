// What the documents hold. Which key holds which is drawn in layout.ts.

import type { Digest } from '../oci/digest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Key, Reads, Transaction, Value } from '../ports/documents.ts';

declare const recordType: unique symbol;
/** A key that says what its document holds. */
export type KeyOf<R extends Value> = Key & { readonly [recordType]?: R };

// Times are milliseconds since 1970; sizes are bytes.

export type RepositoryRecord = { readonly created: number };

export type TagRecord = {
  readonly digest: Digest;
  readonly updated: number;
  /** Who pushed it: a principal's name. */
  readonly by: string;
};

/** `digest` is null where the tag was deleted. */
export type TagHistoryRecord = {
  readonly digest: Digest | null;
  readonly at: number;
  readonly by: string;
};

export type ManifestRecord = {
  readonly mediaType: string;
  readonly size: number;
  /** Every blob it names. When `bytes` is absent its own digest is among them: that blob is the manifest. */
  readonly blobs: readonly Digest[];
  /** Every manifest it names. */
  readonly children: readonly Digest[];
  readonly subject?: Digest | undefined;
  readonly bytes?: Uint8Array | undefined;
};

export type ManifestSummary = {
  readonly mediaType: string;
  readonly size: number;
  /** The manifest's config and layers together, each as it is stored. */
  readonly imageSize: number;
  readonly uploaded: number;
  /** When the image was built, as its config tells. */
  readonly created?: number | undefined;
  /** `os/architecture`, with the variant when there is one. */
  readonly platform?: string | undefined;
  /** Those of an index's images, as the index tells them; the first `indexPlatformsMax`. */
  readonly platforms?: readonly string[] | undefined;
  /** Of an index: its images' sizes together, and when the newest that tells it was built. */
  readonly images?: { readonly size: number; readonly created?: number | undefined } | undefined;
  readonly artifactType?: string | undefined;
  readonly subject?: Digest | undefined;
};

export type ReferrerRecord = {
  readonly mediaType: string;
  readonly size: number;
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
};

/** An edge that says nothing but that it is there. */
export type Edge = Record<string, never>;
export const edge: Edge = {};

export type BlobLink = {
  readonly size: number;
  /** Until then the link stays, whether or not a manifest names the blob. */
  readonly leasedUntil: number;
};

export type BlobRecord = {
  /**
   * live → condemned (no link is left; `since` then) → deleting (the grace is over: its object of this
   * very generation is going) → no record. Linking it makes a condemned one live again. A deleting one
   * reads as absent, and is live again only with the generation of a new upload.
   */
  readonly state: 'live' | 'condemned' | 'deleting';
  readonly since: number;
  readonly size: number;
  readonly generation: string;
};

/** An object in which a session received bytes. Short: one document holds `sessionPartsMax` of them. */
export type UploadPart = {
  /** The last element of the object's name. */
  readonly id: string;
  readonly size: number;
  readonly generation: string;
};

export type UploadRecord = {
  /** Bytes received: the sum of the parts. */
  readonly offset: number;
  readonly parts: readonly UploadPart[];
  /** The digest of all parts, when one hasher saw them all. */
  readonly digest?: Digest | undefined;
  /** That hasher's state, when it is one that can go on. */
  readonly hashState?: string | undefined;
  /** The session is over: what it became, or null when it was cancelled. */
  readonly closed?: Digest | null | undefined;
};

export type ReviewRecord = {
  /** A link of this repository, or a blob of this project. */
  readonly name: RepositoryName;
  readonly digest: Digest;
  readonly kind: 'link' | 'blob';
};

/** A change of a tag or a manifest, with what its message tells. Its event's id is the last element of its key. */
export type OutboxRecord = {
  readonly action: 'INSERT' | 'DELETE';
  readonly digest?: Digest | undefined;
  readonly tag?: Tag | undefined;
  readonly mediaType?: string | undefined;
  readonly size?: number | undefined;
  /** The host by which the client calls the registry. */
  readonly host: string;
  /** Who changed it: a principal's name. */
  readonly by: string;
  readonly requestId?: string | undefined;
  readonly at: number;
};

export type RelayLease = {
  /** A random name that one run of the relay gave itself. */
  readonly owner: string;
  readonly until: number;
};

/** The last repository that a sweep took up before it had taken enough. */
export type SweepRecord = { readonly name: RepositoryName };

/** Reads a document as what its key says it holds. */
export async function read<R extends Value>(reads: Reads, key: KeyOf<R>): Promise<R | undefined> {
  return (await reads.get(key))?.value as R | undefined;
}

/** Reads documents of one kind in one round trip, in the order of the keys. */
export async function readAll<R extends Value>(
  transaction: Transaction,
  keys: readonly KeyOf<R>[],
): Promise<(R | undefined)[]> {
  const documents = await transaction.getAll(keys);
  return documents.map((document) => document?.value as R | undefined);
}

/** Writes what the key says its document holds. */
export function write<R extends Value>(
  transaction: Transaction,
  key: KeyOf<R>,
  record: R,
  options?: { readonly expiresAt?: number },
): void {
  transaction.set(key, record, options);
}
