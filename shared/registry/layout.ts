// The registry's data, drawn: every document and object, under its key.
//
//   location / project /
//     manifests      / name / digest            Manifest: media type, what it names, and its bytes when small
//     summaries      / name / digest            ManifestSummary: what lists show, apart from the bytes
//     tags           / name / tag               Tag -> digest
//     history        / name / tag / time-id     TagHistory, append-only
//     links          / name / digest            BlobLink: this repository holds that blob. The right to read it
//     uploads        / name / session           UploadSession, and its tombstone
//     blobs          / digest                   Blob: state, object, generation. Shared inside the project
//   edges, empty but for what a list of them shows:
//     manifestTags   / name / digest / tag      manifest -> tags that point at it
//     parents        / name / child / parent    manifest -> indexes that name it
//     referrers      / name / subject / digest  manifest -> manifests whose subject it is
//     blobManifests  / name / blob / manifest   blob -> manifests of this repository that name it
//     blobLinks      / blob / name              blob -> repositories that hold a link to it
//   location / - /                              what is listed across projects
//     repositories   / name                     Repository: it holds at least one manifest
//     reviews        / shard / due / id         ReviewEntry: look whether this link or blob is still wanted
//     outbox         / shard / name / time-id   OutboxRecord: a change that is still to be published
//     relays         / name                     RelayLease: who publishes that repository's changes just now
//     sweeps         / 'outbox'                 SweepRecord: where the last sweep stopped, if it did not come around
//   - / project /                               what belongs to no location
//     policies       / 'policy'                 who may do what in the project (shared/auth/policies.ts)
//     robots         / robot                    Robot (shared/auth/robots.ts)
//     audits         / shard / time-id          AuditEntry, newest first (shared/audit/entries.ts)
//   - / - /                                     what belongs to no project either
//     projects       / project                  that something was decided in the project
//     issuers        / issuer / project         that the project trusts the issuer
//     refreshTokens  / sha256                   RefreshTokenRecord (shared/auth/refresh-tokens.ts)
//     revocations    / subject                  tokens granted before are refused (shared/auth/revocations.ts)
//     issuerKeys     / sha256 of the issuer     StoredKeys of an issuer of ID tokens (shared/auth/oidc/issuer-keys.ts)
//     failedLogins   / sha256                   how many logins failed, and the wait (shared/auth/failure-counter.ts)
//
//   mirror / upstream /                           what mirrors keep, apart from all this (shared/mirror/layout.ts)
//     mirrorTags      / name / tag              MirroredTag -> digest, as the upstream said last
//     mirrorManifests / digest                  MirroredManifest: media type, and its bytes when small
//     mirrorBlobs     / digest                  MirroredBlob: it is stored, and verified
//     mirrorLeases    / digest                  BlobLease: who writes or removes the blob's object just now
//     mirrorBudgets   / hour                    SpentBytes: what came of the upstream in that hour
//   mirror / - /
//     mirrorReviews   / due / id                MirrorReview: look whether this was used lately
//
//   objects, in the blob store:
//   location / project / blobs / digest         the bytes
//   location / project / parts / session / id   what an upload session received
//
// A manifest larger than its document may be is a blob of its repository, which it names itself.

import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Digest } from '../oci/digest.ts';
import { parseRepositoryName, projectOf, type RepositoryName, type Tag } from '../oci/reference.ts';
import type { ObjectName } from '../ports/blobs.ts';
import type { Key } from '../ports/documents.ts';
import type {
  BlobLink,
  BlobRecord,
  Edge,
  KeyOf,
  ManifestRecord,
  ManifestSummary,
  OutboxRecord,
  ReferrerRecord,
  RelayLease,
  RepositoryRecord,
  ReviewRecord,
  SweepRecord,
  TagHistoryRecord,
  TagRecord,
  UploadRecord,
} from './records.ts';

/** Stands where a key would name one location or one project, for what belongs to all of them. */
const every = '-';

/** A repository, and where its data lives. */
export interface Repository {
  readonly location: string;
  readonly project: string;
  readonly name: RepositoryName;
}

export function repositoryAt(location: string, name: RepositoryName): Repository {
  return { location, project: projectOf(name), name };
}

const inProject = ({ location, project }: Repository, ...rest: string[]): Key => [
  location,
  project,
  ...rest,
];

export const manifestKey = (repository: Repository, digest: Digest): KeyOf<ManifestRecord> =>
  inProject(repository, 'manifests', repository.name, digest);

export const summariesOf = (repository: Repository): Key =>
  inProject(repository, 'summaries', repository.name);
export const summaryKey = (repository: Repository, digest: Digest): KeyOf<ManifestSummary> => [
  ...summariesOf(repository),
  digest,
];

export const tagsOf = (repository: Repository): Key =>
  inProject(repository, 'tags', repository.name);
export const tagKey = (repository: Repository, tag: Tag): KeyOf<TagRecord> => [
  ...tagsOf(repository),
  tag,
];

const historyOf = (repository: Repository, tag: Tag): Key =>
  inProject(repository, 'history', repository.name, tag);
/** A new entry's key: entries of a tag are in the order of their time. */
export const historyKey = (
  repository: Repository,
  tag: Tag,
  atMs: number,
): KeyOf<TagHistoryRecord> => [...historyOf(repository, tag), timeId(atMs)];

export const linksOf = (repository: Repository): Key =>
  inProject(repository, 'links', repository.name);
export const linkKey = (repository: Repository, digest: Digest): KeyOf<BlobLink> => [
  ...linksOf(repository),
  digest,
];

export const uploadKey = (repository: Repository, session: string): KeyOf<UploadRecord> =>
  inProject(repository, 'uploads', repository.name, session);

export const blobKey = (repository: Repository, digest: Digest): KeyOf<BlobRecord> =>
  inProject(repository, 'blobs', digest);

export const manifestTagsOf = (repository: Repository, digest: Digest): Key =>
  inProject(repository, 'manifestTags', repository.name, digest);
export const manifestTagKey = (repository: Repository, digest: Digest, tag: Tag): KeyOf<Edge> => [
  ...manifestTagsOf(repository, digest),
  tag,
];

export const parentsOf = (repository: Repository, child: Digest): Key =>
  inProject(repository, 'parents', repository.name, child);
export const parentKey = (repository: Repository, child: Digest, parent: Digest): KeyOf<Edge> => [
  ...parentsOf(repository, child),
  parent,
];

export const referrersOf = (repository: Repository, subject: Digest): Key =>
  inProject(repository, 'referrers', repository.name, subject);
export const referrerKey = (
  repository: Repository,
  subject: Digest,
  digest: Digest,
): KeyOf<ReferrerRecord> => [...referrersOf(repository, subject), digest];

export const blobManifestsOf = (repository: Repository, blob: Digest): Key =>
  inProject(repository, 'blobManifests', repository.name, blob);
export const blobManifestKey = (
  repository: Repository,
  blob: Digest,
  manifest: Digest,
): KeyOf<Edge> => [...blobManifestsOf(repository, blob), manifest];

export const blobLinksOf = (repository: Repository, blob: Digest): Key =>
  inProject(repository, 'blobLinks', blob);
export const blobLinkKey = (repository: Repository, blob: Digest): KeyOf<Edge> => [
  ...blobLinksOf(repository, blob),
  repository.name,
];

export const repositoriesOf = (location: string): Key => [location, every, 'repositories'];
export const repositoryKey = ({ location, name }: Repository): KeyOf<RepositoryRecord> => [
  ...repositoriesOf(location),
  name,
];

/** Queues by time are written at their end all the time; shards keep that end from being one place. */
const shards = [...'0123456789abcdef'];
const shardOf = (subject: string): string =>
  createHash('sha256').update(subject).digest('hex').slice(0, 1);

export const reviewShards = shards;
export const reviewsOf = (location: string, shard: string): Key => [
  location,
  every,
  'reviews',
  shard,
];
/** A new entry's key. What is to be reviewed decides the shard. */
export const reviewKey = (
  location: string,
  subject: string,
  dueMs: number,
): KeyOf<ReviewRecord> => [
  ...reviewsOf(location, shardOf(subject)),
  sortable(dueMs),
  randomBytes(9).toString('base64url'),
];

export const outboxShards = shards;
export const outboxShardOf = (location: string, shard: string): Key => [
  location,
  every,
  'outbox',
  shard,
];
export const outboxOf = ({ location, name }: Repository): Key => [
  ...outboxShardOf(location, shardOf(name)),
  name,
];
/** New entries' keys, for one transaction: by the places of its changes, and in their order. */
export const outboxKeys = (
  repository: Repository,
  atMs: number,
): ((place: number) => KeyOf<OutboxRecord>) => {
  const prefix = outboxOf(repository);
  const id = timeId(atMs);
  return (place) => [...prefix, `${id}-${String(place).padStart(6, '0')}`];
};
/** The repository whose change an entry holds; `undefined` when it is no entry's key. */
export const repositoryOfEntry = (key: Key): Repository | undefined => {
  const [location = '', project, kind, shard, text = ''] = key;
  const name = parseRepositoryName(text);
  if (project !== every || kind !== 'outbox' || key.length !== 6 || name === undefined) {
    return undefined;
  }
  return shardOf(name) === shard ? repositoryAt(location, name) : undefined;
};
/** After all entries of a repository, and before the next repository's. */
export const endOfOutbox = (repository: Repository): Key => [...outboxOf(repository), '~'];

export const relayKey = ({ location, name }: Repository): KeyOf<RelayLease> => [
  location,
  every,
  'relays',
  name,
];

export const sweepKey = (location: string): KeyOf<SweepRecord> => [
  location,
  every,
  'sweeps',
  'outbox',
];

export const blobObject = ({ location, project }: Repository, digest: Digest): ObjectName => [
  location,
  project,
  'blobs',
  digest,
];

/** What an upload session received in one request. */
export const partObject = (
  { location, project }: Repository,
  session: string,
  part: string,
): ObjectName => [location, project, 'parts', session, part];
/** A new part's: no two writers ever write the same one. */
export const newPartId = (): string => randomBytes(9).toString('base64url');

/** A new id, in the order of its time. Node keeps random bytes at hand for UUIDs alone, whose last 12 digits are random. */
const timeId = (atMs: number): string => `${sortable(atMs)}-${randomUUID().slice(-12)}`;

/** When a review is due, of its key: milliseconds since 1970. */
export const dueAt = (review: Key): number => Number(review.at(-2));

/** A time as text whose order is the time's. */
export function sortable(ms: number): string {
  return Math.max(0, Math.floor(ms)).toString().padStart(15, '0');
}
