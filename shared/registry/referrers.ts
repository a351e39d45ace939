// Referrers: the manifests whose subject is a given one (specification, "Listing Referrers").

import * as v from 'valibot';
import { type Descriptor, descriptorSchema } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { referrersPageBytesMax, referrersPageMax } from '../oci/limits.ts';
import { isIndex } from '../oci/media-types.ts';
import { referrersTag } from '../oci/reference.ts';
import { type Repository, referrersOf } from './layout.ts';
import { lookForManifest } from './manifests.ts';
import type { ReferrerRecord } from './records.ts';
import type { Store } from './store.ts';

export interface ReferrersPage {
  readonly referrers: readonly Descriptor[];
  /** The digest after which the next page begins; `undefined` when this is the last. */
  readonly next: Digest | undefined;
}

/**
 * One page of a subject's referrers, by digest. The subject need not exist. An index that a client
 * pushed under the referrers tag (as clients do where a registry has no referrers API) is merged in.
 * @param options.last the digest after which the page begins
 */
export async function listReferrers(
  store: Store,
  repository: Repository,
  subject: Digest,
  { artifactType, last }: { artifactType: string | undefined; last: string | undefined },
): Promise<ReferrersPage> {
  const prefix = referrersOf(repository, subject);
  const after = last === undefined ? undefined : [...prefix, last];
  const [found, others] = await Promise.all([
    store.documents.list({ prefix, after, limit: referrersPageMax + 1 }),
    tagged(store, repository, subject),
  ]);
  const own = found.map(({ key, value }) =>
    toDescriptor(key.at(-1) as Digest, value as ReferrerRecord),
  );
  const before = own[referrersPageMax]?.digest;
  const all = merge(own.slice(0, referrersPageMax), others, { after: last, before });
  const page = cut(all);
  const more = found.length > referrersPageMax || page.length < all.length;
  return {
    referrers: page.filter(
      (descriptor) =>
        artifactType === undefined || (descriptor.artifactType ?? '') === artifactType,
    ),
    next: more ? page.at(-1)?.digest : undefined,
  };
}

function toDescriptor(digest: Digest, record: ReferrerRecord): Descriptor {
  const { mediaType, size, artifactType, annotations } = record;
  return { mediaType, digest, size, artifactType, annotations };
}

const taggedSchema = v.object({ manifests: v.array(descriptorSchema) });

/** The referrers that a client listed itself, under the referrers tag. */
async function tagged(
  store: Store,
  repository: Repository,
  subject: Digest,
): Promise<Descriptor[]> {
  const tag = referrersTag(subject);
  const index = await lookForManifest(store, repository, { kind: 'tag', tag });
  return index !== undefined && isIndex(index.mediaType) ? parseTagged(index.bytes) : [];
}

/** What an index names, which was taken as a manifest. */
export function parseTagged(bytes: Uint8Array): Descriptor[] {
  const parsed = v.safeParse(taggedSchema, JSON.parse(Buffer.from(bytes).toString('utf8')));
  if (!parsed.success) return [];
  return parsed.output.manifests.map(({ mediaType, digest, size, artifactType, annotations }) => ({
    mediaType,
    digest,
    size,
    artifactType,
    annotations,
  }));
}

/** Both lists as one in the order of digests, each digest once, between `after` and `before`. */
function merge(
  own: readonly Descriptor[],
  others: readonly Descriptor[],
  { after, before }: { after: string | undefined; before: string | undefined },
): Descriptor[] {
  const known = new Set(own.map(({ digest }) => digest));
  const within = others.filter(
    ({ digest }) =>
      !known.has(digest) &&
      (after === undefined || digest > after) &&
      (before === undefined || digest < before),
  );
  return [...own, ...within].sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

/** As many descriptors as a page may have bytes, and at least one. */
function cut(descriptors: readonly Descriptor[]): Descriptor[] {
  let bytes = 0;
  const end = descriptors.findIndex((descriptor, at) => {
    bytes += Buffer.byteLength(JSON.stringify(descriptor));
    return at > 0 && bytes > referrersPageBytesMax;
  });
  return descriptors.slice(0, end === -1 ? undefined : end);
}
