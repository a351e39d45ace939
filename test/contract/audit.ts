// What the audit list promises, on every store of documents: order, pages, filters, and that nothing is lost between them.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { type AuditAction, type AuditEntry, audit } from '#shared/audit/entries.ts';
import { type AuditQuery, listAudit } from '#shared/audit/list.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { auditDays, auditLookedAtMax, auditTagsMax } from '#shared/oci/limits.ts';
import type { Documents } from '#shared/ports/documents.ts';
import type { OpenDocuments } from './documents.ts';

/** What a test writes; all else follows from its place. */
interface Written {
  /** Milliseconds after the beginning. */
  readonly afterMs: number;
  readonly action: AuditAction;
  readonly repository?: string | undefined;
}

/** What is compared of an entry. */
const told = ({ at, action, repository }: AuditEntry) => [at, action, repository ?? ''].join(' ');

/** So many entries in one transaction. */
const atOnce = 200;

/**
 * @param options.runs how many histories the model is compared with
 * @param options.skip why the suite cannot be run, as node:test takes it
 */
export function auditContract(
  name: string,
  open: () => Promise<OpenDocuments>,
  { runs, skip = false }: { readonly runs: number; readonly skip?: string | false },
): void {
  describe(`the audit list on ${name}`, { skip }, () => {
    let opened: OpenDocuments;
    before(async () => {
      opened = await open();
    });
    after(() => opened.close());

    const newProject = () => `p-${randomUUID()}`;

    const write = async (project: string, changes: readonly Written[]) => {
      const start = opened.clock.now();
      for (let from = 0; from < changes.length; from += atOnce) {
        await opened.documents.transact(async (transaction) => {
          for (const { afterMs, ...change } of changes.slice(from, from + atOnce)) {
            const author = { by: 'user:admin', now: start + afterMs };
            audit(transaction, { project, ...change }, author);
          }
        });
      }
    };

    /** All pages, one after another. */
    const pages = async (project: string, query: AuditQuery, documents = opened.documents) => {
      const found: (readonly AuditEntry[])[] = [];
      let next: string | undefined;
      do {
        const after = next;
        const page = await listAudit(documents, project, { ...query, after });
        found.push(page.entries);
        assert.notEqual(page.next, after ?? 'none', 'a page goes on where it began');
        next = page.next;
      } while (next !== undefined);
      return found;
    };

    it('is empty where nothing was changed', async () => {
      assert.deepEqual(await listAudit(opened.documents, newProject(), { limit: 10 }), {
        entries: [],
      });
    });

    it('tells of a change who made it, from where, by what request, and what it was', async () => {
      const project = newProject();
      const now = opened.clock.now();
      const change = {
        action: 'manifest.push' as const,
        repository: `${project}/app`,
        digest: `sha256:${'0'.repeat(64)}`,
        tags: ['v1', 'latest'],
        detail: 'for a person',
      };
      const author = { address: '192.0.2.7', requestId: randomUUID() };
      await opened.documents.transact(async (transaction) =>
        audit(transaction, { project, ...change }, { by: 'robot:ci@p', ...author, now }),
      );
      const { entries } = await listAudit(opened.documents, project, { limit: 10 });
      const [entry = assert.fail('there is no entry')] = entries;
      const { id, ...known } = entry;
      assert.deepEqual(known, { ...change, ...author, actor: 'robot:ci@p', at: now });
      assert.match(id, /^\d{15}-[0-9a-f]{12}$/);
    });

    it('keeps as much of a change as there is room for', async () => {
      const project = newProject();
      const tags = Array.from({ length: auditTagsMax + 20 }, (_, at) => `t${at}`);
      const now = opened.clock.now();
      await opened.documents.transact(async (transaction) => {
        audit(transaction, { project, action: 'manifest.delete', tags }, { by: 'a', now });
      });
      await opened.documents.transact(async (transaction) => {
        const detail = 'x'.repeat(1_000_000);
        audit(transaction, { project, action: 'policy.change', detail }, { by: 'a', now });
      });
      const { entries } = await listAudit(opened.documents, project, { limit: 10 });
      const by = (action: AuditAction) => entries.find((entry) => entry.action === action);
      assert.deepEqual(by('manifest.delete')?.tags, tags.slice(0, auditTagsMax));
      assert.match(by('manifest.delete')?.detail ?? '', /20 more tags/);
      assert.equal(by('policy.change')?.detail?.length, 2000);
    });

    it('shows nothing of another project, and nothing any more when its time is over', async () => {
      const [project, other] = [newProject(), newProject()];
      await write(project, [{ afterMs: 0, action: 'tag.delete' }]);
      await write(other, [{ afterMs: 0, action: 'blob.delete' }]);
      const actions = async () =>
        (await listAudit(opened.documents, project, { limit: 9 })).entries.map(told);
      assert.equal((await actions()).length, 1);
      opened.clock.advance(auditDays * 24 * 60 * 60 * 1000);
      assert.deepEqual(await actions(), []);
    });

    it('has the newest first, in pages that together are all of it, as a model has them', async () => {
      const change = fc.record({
        // Few, so that many are of one millisecond.
        afterMs: fc.integer({ min: 0, max: 12 }),
        action: fc.constantFrom<AuditAction>('manifest.push', 'tag.delete', 'policy.change'),
        repository: fc.constantFrom(undefined, 'p/a', 'p/b'),
      });
      const query = fc.record(
        {
          limit: fc.integer({ min: 1, max: 30 }),
          action: fc.constantFrom<AuditAction>('manifest.push', 'tag.delete', 'blob.delete'),
          repository: fc.constantFrom('p/a', 'p/b', 'p/c'),
        },
        { requiredKeys: ['limit'] },
      );
      const histories = fc.array(change, { maxLength: 80, size: 'max' });
      await fc.assert(
        fc.asyncProperty(histories, query, async (changes, asked) => {
          const project = newProject();
          const start = opened.clock.now();
          await write(project, changes);
          const found = await pages(project, asked);
          const model = changes
            .filter(({ action }) => asked.action === undefined || action === asked.action)
            .filter(
              ({ repository }) => asked.repository === undefined || repository === asked.repository,
            )
            .map(({ afterMs, ...rest }) =>
              told({ id: '', actor: '', at: start + afterMs, ...rest }),
            );
          const entries = found.flat();
          assert.deepEqual(entries.map(told).sort(), model.sort());
          const ids = entries.map(({ id }) => id);
          assert.ok(ids.every((id, at) => at === 0 || id > (ids[at - 1] ?? '')));
          const times = entries.map(({ at }) => at);
          assert.deepEqual(
            times,
            times.toSorted((a, b) => b - a),
          );
          for (const page of found.slice(0, -1)) assert.equal(page.length, asked.limit);
          assert.ok((found.at(-1)?.length ?? 0) <= asked.limit);
        }),
        { numRuns: runs },
      );
    });

    it('goes on where it was, though more is written between two pages', async () => {
      const project = newProject();
      const changes = Array.from({ length: 12 }, (_, afterMs) => ({
        afterMs,
        action: 'manifest.push' as const,
      }));
      await write(project, changes);
      const first = await listAudit(opened.documents, project, { limit: 5 });
      await write(project, [{ afterMs: 100, action: 'manifest.delete' }]);
      const { next = '' } = first;
      const rest = await listAudit(opened.documents, project, { limit: 50, after: next });
      const all = [...first.entries, ...rest.entries];
      assert.deepEqual(all.map(told), [...all].sort((a, b) => b.at - a.at).map(told));
      assert.equal(all.length, 12);
      assert.equal(rest.next, undefined);
    });

    it('reads no more for a page than twice its entries and a few, and for a rare one a bounded number', async () => {
      const project = newProject();
      const many = Array.from({ length: auditLookedAtMax + 600 }, (_, afterMs) => ({
        afterMs,
        action: 'manifest.push' as const,
      }));
      await write(project, [{ afterMs: 0, action: 'policy.change' }, ...many]);
      let read = 0;
      const counting: Pick<Documents, 'list'> = {
        list: async (options) => {
          const found = await opened.documents.list(options);
          read += found.length;
          return found;
        },
      };
      const { entries } = await listAudit(counting, project, { limit: 100 });
      assert.equal(entries.length, 100);
      assert.ok(read <= 300, `${read} were read`);
      read = 0;
      const rare = { limit: 100, action: 'policy.change' } as const;
      const first = await listAudit(counting, project, rare);
      assert.deepEqual(first.entries, []);
      assert.ok(read <= auditLookedAtMax + 4 * 250, `${read} were read`);
      const last = await listAudit(counting, project, { ...rare, after: first.next });
      assert.equal(last.entries.length, 1);
      assert.equal(last.next, undefined);
    });

    it('refuses what is no cursor, and takes one that points at nothing', async () => {
      const project = newProject();
      await write(project, [{ afterMs: 0, action: 'manifest.push' }]);
      const id = (await listAudit(opened.documents, project, { limit: 1 })).entries[0]?.id ?? '';
      const hostile = [
        ...['', '0', 'null', '\0', `${id}\0`, `${id}/x`, ` ${id}`, `${id}\n`, id.toUpperCase()],
        ...['../../policies/policy', '9'.repeat(100_000), `${'9'.repeat(15)}-${'g'.repeat(12)}`],
        ...['\u{10ffff}'.repeat(16), '%00', `${id.slice(0, 15)}-ffffffffffff${'f'.repeat(2000)}`],
      ].filter((text) => text !== id);
      for (const after of hostile) {
        await assert.rejects(
          listAudit(opened.documents, project, { limit: 5, after }),
          (error) => error instanceof RegistryError && error.status === 400,
          JSON.stringify(after.slice(0, 50)),
        );
      }
      const at = (after: string) => listAudit(opened.documents, project, { limit: 5, after });
      assert.equal((await at('000000000000000-000000000000')).entries.length, 1);
      assert.deepEqual(await at('999999999999999-ffffffffffff'), { entries: [] });
    });

    it('answers with nothing to who wants nothing, and with no more than a page holds to who wants all', async () => {
      const project = newProject();
      const changes = Array.from({ length: 1100 }, (_, afterMs) => ({
        afterMs,
        action: 'manifest.push' as const,
      }));
      await write(project, changes);
      assert.deepEqual(await listAudit(opened.documents, project, { limit: 0 }), { entries: [] });
      const all = await pages(project, { limit: Number.MAX_SAFE_INTEGER });
      assert.deepEqual(
        all.map(({ length }) => length),
        [1000, 100],
      );
    });
  });
}
