// The book of the audit: what each commit wrote into the list.

import type { AuditAction, AuditEntry } from '#shared/audit/entries.ts';
import type { Document } from '#shared/ports/documents.ts';

/** What an entry says, in a line. */
export type Audited = string;

export function audited(
  action: AuditAction,
  name: string | undefined,
  {
    digest = '',
    tags = [],
  }: { readonly digest?: string | undefined; readonly tags?: readonly string[] | undefined },
): Audited {
  return [action, name, digest, ...tags].join(' ');
}

export class AuditBook {
  readonly #seen = new Set<string>();

  /** Writes down what one commit, or none, has added since the last time. @returns that */
  see(documents: readonly Document[]): Audited[] {
    const added: Audited[] = [];
    for (const { key, value } of documents) {
      const id = key.at(-1) ?? '';
      if (key[2] !== 'audits' || this.#seen.has(id)) continue;
      this.#seen.add(id);
      const { action, repository, digest, tags } = value as unknown as AuditEntry;
      added.push(audited(action, repository, { digest, tags }));
    }
    return added;
  }
}
