// The audit list: who changed what in a project, written in the transaction that makes the change.
//
//   - / project / audits / shard / time-id     AuditEntry, newest first in each shard
//
// Entries are written at one end of their keys' order all the time, and a store like Firestore takes some 500 writes a
// second at one place; shards keep that end from being one place. Four take 2,000 changes a second of one project, which
// is several times what any has, and a page of the list still begins with four reads side by side.
//
// What no list needs is in the log alone (functions/audit.ts): uploads of blobs, which change no image; failed logins; and
// what was denied. Whoever may change nothing here writes nothing here.

import { randomUUID } from 'node:crypto';
import { auditDays, auditDetailCharactersMax, auditTagsMax } from '../oci/limits.ts';
import type { Key, Transaction } from '../ports/documents.ts';

/** What may be done that stands in the list. */
export const auditActions = [
  'manifest.push',
  'manifest.delete',
  'tag.delete',
  'blob.delete',
  'policy.change',
  'robot.create',
  'robot.change',
  'robot.delete',
  'robot.secret.create',
  'robot.secret.revoke',
  'federation.create',
  'federation.change',
  'federation.delete',
] as const;

/** What was done. */
export type AuditAction = (typeof auditActions)[number];

/** Who makes a change, from where, and by what request. */
export interface Author {
  /** A principal's name. */
  readonly by: string;
  /** Where the client is: an IPv4 or IPv6 address, or `unknown`. */
  readonly address?: string | undefined;
  readonly requestId?: string | undefined;
}

export interface AuditedChange {
  readonly action: AuditAction;
  readonly project: string;
  readonly repository?: string | undefined;
  readonly digest?: string | undefined;
  /** Those that a push moved, or a delete took away: the first `auditTagsMax` are kept. */
  readonly tags?: readonly string[] | undefined;
  /** What was changed, and to what, for a person. Never a secret. The first `auditDetailCharactersMax` are kept. */
  readonly detail?: string | undefined;
}

/** A change that was made. */
export interface AuditEntry extends Omit<AuditedChange, 'project'> {
  /** In a project there is no other with it; in the order of the list. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** A principal's name. */
  readonly actor: string;
  readonly address?: string | undefined;
  readonly requestId?: string | undefined;
}

/**
 * Writes down a change with the transaction that makes it. A transaction that is attempted again after its first answer was
 * lost may leave two entries, of one request id.
 */
export function audit(
  transaction: Transaction,
  { project, ...change }: AuditedChange,
  { by, address, requestId, now }: Author & { readonly now: number },
): void {
  const id = `${newestFirst(now)}-${randomUUID().slice(-12)}`;
  const entry = { ...bounded(change), actor: by, address, requestId, at: now };
  transaction.set(auditKey(project, id), entry, {
    expiresAt: now + auditDays * 24 * 60 * 60 * 1000,
  });
}

const auditKey = (project: string, id: string): Key => [...shardKey(project, shardOf(id)), id];

/** A manifest may have had more tags than a document has room for. */
function bounded({ tags, detail, ...change }: Omit<AuditedChange, 'project'>): typeof change & {
  readonly tags?: readonly string[] | undefined;
  readonly detail?: string | undefined;
} {
  const more = (tags?.length ?? 0) - auditTagsMax;
  return {
    ...change,
    tags: tags === undefined || tags.length === 0 ? undefined : tags.slice(0, auditTagsMax),
    detail: (more > 0 ? `and ${more} more tags; ${detail ?? ''}` : detail)?.slice(
      0,
      auditDetailCharactersMax,
    ),
  };
}

export const auditShards = ['0', '1', '2', '3'] as const;

/** What the entries of a shard of a project begin with. */
export const shardKey = (project: string, shard: string): Key => ['-', project, 'audits', shard];

/** An id's end is random. */
function shardOf(id: string): string {
  return String(Number.parseInt(id.slice(-1), 16) % auditShards.length);
}

/** Keys go up as time goes down. */
function newestFirst(ms: number): string {
  return (999_999_999_999_999 - Math.floor(ms)).toString().padStart(15, '0');
}

const idPattern = /^\d{15}-[0-9a-f]{12}$/;

/** Whether a text has the form of an entry's id. */
export function isAuditId(text: string): boolean {
  return idPattern.test(text);
}
