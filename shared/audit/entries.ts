// The audit list: who changed what in a project, written in the transaction that makes the change.
//
//   - / project / audits / shard / time-id     AuditEntry, newest first in each shard

import { createHash, randomUUID } from 'node:crypto';
import { auditDays } from '../oci/limits.ts';
import type { Key, Transaction } from '../ports/documents.ts';

/** What was done. */
export type AuditAction =
  | 'manifest.push'
  | 'manifest.delete'
  | 'tag.delete'
  | 'blob.delete'
  | 'policy.change'
  | 'robot.create'
  | 'robot.change'
  | 'robot.delete'
  | 'robot.secret.create'
  | 'robot.secret.revoke'
  | 'federation.create'
  | 'federation.change'
  | 'federation.delete';

/** Who makes a change, from where, and by what request. */
export interface Author {
  /** A principal's name. */
  readonly by: string;
  readonly address?: string | undefined;
  readonly requestId?: string | undefined;
}

export interface AuditedChange {
  readonly action: AuditAction;
  readonly project: string;
  readonly repository?: string | undefined;
  readonly digest?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** What was changed, and to what, for a person. Never a secret. */
  readonly detail?: string | undefined;
}

/** Writes down a change with the transaction that makes it. */
export function audit(
  transaction: Transaction,
  { project, ...change }: AuditedChange,
  { by, address, requestId, now }: Author & { readonly now: number },
): void {
  const id = `${newestFirst(now)}-${randomUUID().slice(-12)}`;
  const entry = { ...change, actor: by, address, requestId, at: now };
  transaction.set(auditKey(project, id), entry, {
    expiresAt: now + auditDays * 24 * 60 * 60 * 1000,
  });
}

const auditKey = (project: string, id: string): Key => ['-', project, 'audits', shardOf(id), id];

/** Keys go up as time goes down. */
function newestFirst(ms: number): string {
  return (999_999_999_999_999 - Math.floor(ms)).toString().padStart(15, '0');
}

function shardOf(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 1);
}
