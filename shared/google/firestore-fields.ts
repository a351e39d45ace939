// What a database is told of the documents, by their kinds, which are the ids of their collections:
//
//   every kind       all fields (`*`) exempt from indexes     documents are found by their ids alone; an index would
//                                                             be written with each, and its end would be a hot spot
//   some of them     a time to live by `expiresAt`            its field exempt, too
//   no composite index

export const documentKinds = [
  'audits',
  'blobLinks',
  'blobManifests',
  'blobs',
  'failedLogins',
  'history',
  'issuers',
  'issuerKeys',
  'links',
  'manifestTags',
  'manifests',
  'mirrorBlobs',
  'mirrorBudgets',
  'mirrorLeases',
  'mirrorManifests',
  'mirrorReviews',
  'mirrorTags',
  'outbox',
  'parents',
  'policies',
  'projects',
  'referrers',
  'refreshTokens',
  'relays',
  'repositories',
  'reviews',
  'revocations',
  'robots',
  'summaries',
  'sweeps',
  'tags',
  'uploads',
] as const;

/** The kinds of which some documents pass: {@link expiryField} says when. */
export const expiringKinds = [
  'failedLogins',
  'audits',
  'mirrorBudgets',
  'mirrorLeases',
  'mirrorTags',
  'refreshTokens',
  'revocations',
  'issuerKeys',
  'robots',
  'uploads',
] as const satisfies readonly DocumentKind[];

export const expiryField = 'expiresAt';

type DocumentKind = (typeof documentKinds)[number];
