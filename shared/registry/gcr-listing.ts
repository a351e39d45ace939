// What gcr.io tells of a repository beside its tags: all its manifests, and what lies directly below it. gcrane, gcr-cleaner
// and gcloud rely on it, and take the first page for all there is: so it is whole, or it is not there.

import type { Digest } from '../oci/digest.ts';
import { listedEntriesMax } from '../oci/limits.ts';
import { parseRepositoryName, type RepositoryName } from '../oci/reference.ts';
import type { Documents, Key } from '../ports/documents.ts';
import { type Repository, repositoriesOf, summariesOf, tagsOf } from './layout.ts';
import type { ListedManifests } from './recent-listings.ts';
import type { ManifestSummary, TagRecord } from './records.ts';
import type { Store } from './store.ts';

export interface GcrListing {
  readonly manifests: ListedManifests;
  /** First segments of the names below, relative to the repository's, in ASCII order. */
  readonly children: readonly string[];
}

const nothing = (): ListedManifests => ({ json: Buffer.from('{}'), count: 0, tags: [] });

/**
 * Lists a repository, or what is none but has some below it.
 * @param options.mayPull whether the caller may pull from it; else it is told what lies below alone
 * @param options.visible whether the caller may pull from a repository below
 * @returns `undefined` where there are more than `listedEntriesMax` manifests, tags or children
 */
export async function listAsGcr(
  store: Store,
  repository: Repository,
  options: {
    readonly mayPull: boolean;
    readonly visible: (name: RepositoryName) => Promise<boolean>;
  },
): Promise<GcrListing | undefined> {
  const make = () => listManifests(store.documents, repository);
  const listed = () => store.listings?.get(store.documents, repository, make) ?? make();
  const [manifests, children] = await Promise.all([
    options.mayPull ? listed() : nothing(),
    listChildren(store.documents, repository, options.visible),
  ]);
  if (manifests === undefined || children === undefined) return undefined;
  return { manifests, children };
}

/** Tags tell their digests, so no more is read than they and the summaries. */
async function listManifests(
  documents: Documents,
  repository: Repository,
): Promise<ListedManifests | undefined> {
  const limit = listedEntriesMax + 1;
  const [tagged, summaries] = await Promise.all([
    documents.list({ prefix: tagsOf(repository), limit }),
    documents.list({ prefix: summariesOf(repository), limit }),
  ]);
  if (tagged.length === limit || summaries.length === limit) return undefined;
  const tags = tagged.map(({ key }) => key.at(-1) ?? '');
  const tagsOfDigest = new Map<Digest, string[]>();
  for (const [at, { value }] of tagged.entries()) {
    const { digest } = value as TagRecord;
    const tag = tags[at] ?? '';
    const others = tagsOfDigest.get(digest);
    if (others === undefined) tagsOfDigest.set(digest, [tag]);
    else others.push(tag);
  }
  const told = summaries.map(({ key, value }) => {
    const digest = key.at(-1) as Digest;
    return `"${digest}":${JSON.stringify(tell(value as ManifestSummary, tagsOfDigest.get(digest)))}`;
  });
  return { json: Buffer.from(`{${told.join(',')}}`), count: told.length, tags };
}

/** In gcr.io's order; what is an int64 is text, as Google's JSON has it. */
function tell(summary: ManifestSummary, tag: readonly string[] = []) {
  const { imageSize, mediaType, uploaded, created } = summary;
  return {
    imageSizeBytes: String(imageSize),
    // Of Docker's first manifests only.
    layerId: '',
    mediaType,
    tag,
    // An index tells no time, nor does many an artifact: the oldest of all is what who cleans up would take it for.
    timeCreatedMs: String(created ?? uploaded),
    timeUploadedMs: String(uploaded),
  };
}

/** After all repositories below a child, and before the next one: names have no such character. */
const end = '~';
const batchMax = 1000;

/** Reads a name for each repository below, and of what lies below a child that is known already no more than a batch. */
async function listChildren(
  documents: Documents,
  { location, name }: Repository,
  visible: (name: RepositoryName) => Promise<boolean>,
): Promise<readonly string[] | undefined> {
  const prefix = repositoriesOf(location);
  const root = `${name}/`;
  const children = new Set<string>();
  let after: Key = [...prefix, root];
  // Most have nothing below them: one name tells.
  for (let limit = 1; ; limit = Math.min(limit * 10, batchMax)) {
    const names = await documents.names({ prefix, after, limit });
    const below = names.filter((text) => text.startsWith(root));
    for (const text of below) {
      const child = childIn(root, text);
      const repository = parseRepositoryName(text);
      if (children.has(child) || repository === undefined) continue;
      if (await visible(repository)) children.add(child);
    }
    if (children.size > listedEntriesMax) return undefined;
    const last = below.at(-1);
    if (last === undefined || below.length < limit) break;
    const child = childIn(root, last);
    const isBelowChild = last.length > root.length + child.length;
    const isKnown = isBelowChild && children.has(child);
    after = [...prefix, isKnown ? `${root}${child}/${end}` : last];
  }
  return [...children].sort((one, other) => (one < other ? -1 : 1));
}

function childIn(root: string, name: string): string {
  return name.slice(root.length).split('/', 1)[0] ?? '';
}
