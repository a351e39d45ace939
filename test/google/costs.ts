// What each request costs of Google's services: exactly these operations, and no others. cost.google.test.ts measures
// each, and the README's table is made of it.

import type { Operation } from '#shared/ports/meter.ts';

/** Each operation that is carried out, and how often. */
export type Operations = Readonly<Partial<Record<Operation, number>>>;

export interface Cost {
  /** What is asked for, as the README says it. */
  readonly request: string;
  /** By an instance that has just started. */
  readonly cold: Operations;
  /** By one that was asked the same before, where that makes a difference. */
  readonly warm?: Operations;
}

const free: Operations = {};

/** One document. */
const oneRead: Operations = { documentCall: 1, documentRead: 1 };
/** One after another. */
const twoReads: Operations = { documentCall: 2, documentRead: 2 };

/** Of a manifest that names a config and so many layers, all of which are there already. */
const manifestPut = (layers: number): Operations => ({
  // Whether it is known, and what is needed to read its config; then, in one call, all that it names, itself, its tag,
  // and its repository.
  documentCall: 3,
  documentRead: layers + 6,
  objectRead: 1,
  // An edge for each blob; the manifest, its summary, its tag with an edge and its history, what is to be told, and the audit.
  documentWrite: layers + 8,
  transaction: 1,
});

/** Of a blob: its session before, and with the blob and the link in the transaction. */
const uploadReads: Operations = { documentCall: 3, documentRead: 5 };
/** The blob, the link with its edge and its review, and what is left of the session. */
const uploadWrites: Operations = { documentWrite: 5, transaction: 1 };

/** @param reads one after another */
const manifestDelete = (reads: number): Operations => ({
  documentCall: reads,
  documentRead: reads,
  documentWrite: 10,
  documentDelete: 11,
  transaction: 1,
});

export const costs = {
  'version, nobody': { request: '`GET /v2/` without a token, which is refused', cold: free },
  'version, token': { request: '`GET /v2/` with a token', cold: free },
  'token, nobody': { request: 'a token for nobody', cold: free },
  'token, admin': { request: 'a token for the admin', cold: free },
  // The robot, and its project's policy, which is kept for ten seconds.
  'token, robot': { request: 'a token for a robot', cold: twoReads, warm: oneRead },

  'manifest GET by tag': { request: 'manifest GET by tag', cold: twoReads, warm: oneRead },
  'manifest HEAD by tag': { request: 'manifest HEAD by tag', cold: twoReads, warm: oneRead },
  'manifest GET by digest': { request: 'manifest GET by digest', cold: oneRead },
  'manifest HEAD by digest': { request: 'manifest HEAD by digest', cold: oneRead },

  'blob GET': { request: 'blob GET, a redirect', cold: oneRead },
  'blob HEAD': { request: 'blob HEAD', cold: oneRead },
  'blob HEAD, not there': { request: 'blob HEAD, not there', cold: oneRead },
  'blob HEAD, lease renewed': {
    request: 'blob HEAD, the first in half a day',
    cold: { ...twoReads, documentWrite: 1, transaction: 1 },
  },

  'tags of 10': {
    request: '10 tags of 10 images, the first page',
    // Each tag, each manifest's summary, and whether anything lies below.
    cold: { documentCall: 3, documentRead: 21 },
  },
  'tags of 10, the rest': {
    request: '10 tags, a later page; all where `BERTH_GCR_LISTING=off`',
    cold: { documentCall: 1, documentRead: 10 },
  },
  'list of a project': {
    request: 'a project’s list, of 3 repositories',
    // That it has no tags and no manifests is a read each.
    cold: { documentCall: 4, documentRead: 5 },
  },
  'referrers of 3': {
    request: '3 referrers',
    // And the tag under which clients keep them where there is no such list.
    cold: { documentCall: 2, documentRead: 4 },
  },

  'upload POST': { request: 'upload POST', cold: free },
  'upload PATCH': {
    request: 'upload PATCH',
    cold: { ...twoReads, documentWrite: 1, transaction: 1, objectWrite: 1 },
  },
  'upload PUT after a PATCH': {
    request: 'upload PUT after a PATCH',
    cold: { ...uploadReads, ...uploadWrites, objectRead: 1, objectWrite: 1, objectDelete: 1 },
  },
  'upload PUT after 3 PATCHes': {
    request: 'upload PUT after 3 PATCHes with their ranges',
    // Composed in one object, which is moved: that and the parts go.
    cold: { ...uploadReads, ...uploadWrites, objectWrite: 2, objectDelete: 4 },
  },
  'upload PUT, whole': {
    request: 'upload PUT with the whole blob',
    cold: { ...uploadReads, ...uploadWrites, objectWrite: 1 },
  },
  'upload PUT, whole, there': {
    request: 'the same, and the repository has the blob',
    cold: { ...uploadReads, ...uploadWrites, documentWrite: 1, objectRead: 1 },
  },
  'upload PUT, whole, in the project': {
    request: 'the same, and another repository of the project has it',
    cold: { ...uploadReads, ...uploadWrites, documentWrite: 4, objectRead: 1 },
  },
  'upload POST, whole': {
    request: 'upload POST with the whole blob',
    cold: { documentCall: 2, documentRead: 3, documentWrite: 4, transaction: 1, objectWrite: 1 },
  },
  mount: {
    request: 'mount',
    cold: { documentCall: 1, documentRead: 3, documentWrite: 3, transaction: 1 },
  },
  'mount by a robot': {
    request: 'mount by a robot whose token names the source',
    cold: { documentCall: 1, documentRead: 3, documentWrite: 3, transaction: 1 },
  },
  'mount from another project': {
    request: 'mount from another project',
    cold: {
      ...{ documentCall: 3, documentRead: 4, documentWrite: 4, transaction: 1 },
      ...{ objectRead: 1, objectWrite: 1 },
    },
  },

  'manifest PUT, 1 layer': { request: 'manifest PUT, 1 layer', cold: manifestPut(1) },
  'manifest PUT, 5 layers': { request: 'manifest PUT, 5 layers', cold: manifestPut(5) },
  'manifest PUT, 10 layers': { request: 'manifest PUT, 10 layers', cold: manifestPut(10) },
  'manifest PUT, 100 layers': { request: 'manifest PUT, 100 layers', cold: manifestPut(100) },
  'manifest PUT, the same': {
    request: 'manifest PUT, the same again',
    cold: { documentCall: 2, documentRead: 4, documentWrite: 3, transaction: 1 },
  },
  'manifest PUT, another tag': {
    request: 'manifest PUT, another tag for the same',
    cold: { documentCall: 2, documentRead: 4, documentWrite: 5, transaction: 1 },
  },

  'tag DELETE': {
    request: 'tag DELETE',
    cold: { ...oneRead, documentWrite: 3, documentDelete: 2, transaction: 1 },
  },
  'manifest DELETE, 5 layers': {
    request: 'manifest DELETE, 5 layers and a tag',
    // The policy says by whose rules. What the manifest named is to be reviewed.
    cold: manifestDelete(5),
    warm: manifestDelete(4),
  },
  'manifest DELETE, gcr.io’s rules': {
    request: 'the same without a tag, by gcr.io’s rules',
    // The policy, which is kept for ten seconds; that no tag, no index and no referrer names it.
    cold: {
      documentCall: 7,
      documentRead: 7,
      documentWrite: 8,
      documentDelete: 9,
      transaction: 1,
    },
  },
  'blob DELETE': {
    request: 'blob DELETE',
    cold: { ...twoReads, documentWrite: 2, documentDelete: 2, transaction: 1 },
  },

  'relay of a change': {
    request: 'a change published, with 1 message',
    cold: {
      ...{ documentCall: 5, documentRead: 5, documentWrite: 1, documentDelete: 2, transaction: 2 },
      messagePublished: 1,
    },
  },
  'sweep of nothing': {
    request: 'sweep where nothing is to be published',
    cold: { documentCall: 17, documentRead: 17 },
  },
  'sweep of a change': {
    request: 'sweep that publishes a change, with 1 message',
    cold: {
      ...{ documentCall: 23, documentRead: 23, documentWrite: 1 },
      ...{ documentDelete: 2, transaction: 2, messagePublished: 1 },
    },
  },
  'collect of nothing': {
    request: 'collector where nothing is due',
    cold: { documentCall: 16, documentRead: 16 },
  },
  'collect of a link that stays': {
    request: 'collector where a link is due, and stays',
    cold: { documentCall: 19, documentRead: 20, documentDelete: 1, transaction: 1 },
  },
} as const satisfies Readonly<Record<string, Cost>>;

export type CostName = keyof typeof costs;

/** Heading → operation, in the README's order. Messages are told in words, and nobody signs elsewhere. */
const columns: readonly (readonly [string, Operation])[] = [
  ['reads', 'documentRead'],
  ['in calls', 'documentCall'],
  ['writes', 'documentWrite'],
  ['deletes', 'documentDelete'],
  ['commits', 'transaction'],
  ['objects written', 'objectWrite'],
  ['read', 'objectRead'],
  ['deleted', 'objectDelete'],
];

/** The README's table of requests, in Markdown. */
export function costTable(): string {
  const rows = Object.values<Cost>(costs).map(({ request, cold, warm = cold }) => [
    request,
    ...columns.map(([, operation]) => shown(cold[operation] ?? 0, warm[operation] ?? 0)),
  ]);
  return markdown([['', ...columns.map(([heading]) => heading)], ...rows]);
}

function shown(cold: number, warm: number): string {
  if (cold !== warm) return `${cold}, then ${warm}`;
  return cold === 0 ? '' : String(cold);
}

/** @param rows the first is the heading, and begins with nothing */
export function markdown([heading = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`.replace(/ {2,}/g, ' ');
  return [line(heading), `|${'---|'.repeat(heading.length)}`, ...rows.map(line)].join('\n');
}
