// What is audited of a request that is over: one line in the log, beside the line that every request has.
//
//   action                          outcome                 severity
//   what the route `audits`         ok, or failed           NOTICE     a change that was made, or tried
//   that, or what the route needs   denied                  WARNING    who it was may not do it (403)
//   login                           failed                  WARNING    credentials that show nobody
//   login                           denied                  WARNING    they were not looked at: too many failed before
//
// A token that is issued is no such event: what is done with it is. Nor is a challenge, with which every client begins, a
// token of ours that is over, or a rate that is too high. The line is written when it is known what was done, also where the
// client did not wait for the answer. What changed something stands in the project's list, too (shared/audit/entries.ts),
// under the same request id.
//
// In Cloud Logging it is `jsonPayload.audit`. What is searched for most stands among the labels, which are indexed there:
//
//   severity>=NOTICE labels.audit_project="my-project" labels.audit_outcome="denied"

import type { AuditAction } from '#shared/audit/entries.ts';
import { Denied, TooManyFailedLogins, WrongCredentials } from '#shared/auth/challenge.ts';
import { looksLikeUsername } from '#shared/auth/credentials.ts';
import type { Reply } from '#shared/http/reply.ts';
import { ClientGone } from '#shared/http/request.ts';
import type { Severity } from '#shared/log.ts';
import { parseDigest } from '#shared/oci/digest.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { auditTagsMax } from '#shared/oci/limits.ts';
import { parseReference } from '#shared/oci/reference.ts';
import type { Route } from './routes.ts';

/** What a route may change. A blob that comes stands in no list, but in the log. */
export type RoutedChange = AuditAction | 'blob.push';

/** A request of which it is known what was done. */
export interface Done {
  readonly requestId: string;
  readonly address: string;
  readonly route: Pick<Route, 'audits' | 'needs'>;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly repository: string | undefined;
  readonly project: string | undefined;
  /** A principal's name. Absent where the request was not let through. */
  readonly actor: string | undefined;
  /** What is answered. */
  readonly reply: Reply;
  /** What was thrown, where the answer tells of that. */
  readonly error?: unknown;
}

/** Fields that are undefined are left out in the log. */
export interface AuditRecord {
  readonly action: string;
  readonly outcome: 'ok' | 'denied' | 'failed';
  readonly actor?: string | undefined;
  /** Who was claimed to be, where a login fails: only what has a username's form. */
  readonly username?: string | undefined;
  readonly project?: string | undefined;
  readonly repository?: string | undefined;
  readonly digest?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** What was changed, for a person. */
  readonly detail?: string | undefined;
  readonly address: string;
  readonly requestId: string;
  /** Why not, as a code: the specification's, or CLIENT_GONE, or UNKNOWN where it was on our side. */
  readonly reason?: string | undefined;
}

export interface AuditLine {
  readonly severity: Severity;
  readonly fields: {
    readonly audit: AuditRecord;
    readonly 'logging.googleapis.com/labels': Readonly<Record<string, string>>;
  };
}

/** The line of a request, or `undefined` where nothing about it is audited. */
export function auditLineOf(done: Done): AuditLine | undefined {
  const record = recordOf(done);
  if (record === undefined) return undefined;
  const { action, outcome, project } = record;
  return {
    severity: outcome === 'denied' || action === 'login' ? 'WARNING' : 'NOTICE',
    fields: {
      audit: record,
      'logging.googleapis.com/labels': {
        audit_action: action,
        audit_outcome: outcome,
        ...(project === undefined ? {} : { audit_project: project }),
      },
    },
  };
}

function recordOf(done: Done): AuditRecord | undefined {
  const { requestId, address, project, repository, route, actor, reply, error } = done;
  const where = { project, repository, address, requestId };
  if (error instanceof WrongCredentials || error instanceof TooManyFailedLogins) {
    return {
      action: 'login',
      outcome: error instanceof WrongCredentials ? 'failed' : 'denied',
      username: nameIn(error.username),
      ...where,
      reason: error.code,
    };
  }
  const isDenied = error instanceof RegistryError && error.code === 'DENIED';
  if (isDenied && error.status === 403) {
    const by = error instanceof Denied ? error.by : actor;
    const reason = error.code;
    return { outcome: 'denied', actor: by, ...attempted(done), ...where, reason };
  }
  // Who was not let through has tried nothing yet.
  if (route.audits === undefined || actor === undefined) return undefined;
  if (error === undefined && reply.status < 400) {
    // A session that goes on is not a blob yet.
    if (route.audits === 'blob.push' && reply.status !== 201) return undefined;
    const { tags, ...audited } = reply.audited ?? {};
    const told =
      tags === undefined || tags.length === 0 ? {} : { tags: tags.slice(0, auditTagsMax) };
    return { outcome: 'ok', actor, ...attempted(done), ...audited, ...told, ...where };
  }
  return { outcome: 'failed', actor, ...attempted(done), ...where, reason: reasonOf(error) };
}

/** What was asked for, as far as the request says it in a form that can be trusted. */
function attempted({
  route: { audits, needs },
  params,
  query,
}: Done): Pick<AuditRecord, 'action' | 'digest' | 'tags'> {
  const action = audits ?? (needs === 'promise' || needs === 'list' ? 'pull' : needs);
  const reference = parseReference(params['reference'] ?? '');
  if (reference?.kind === 'tag') {
    const isUntagging = action === 'manifest.delete';
    return { action: isUntagging ? 'tag.delete' : action, tags: [reference.tag] };
  }
  const text = params['digest'] ?? query.get('digest') ?? query.get('mount') ?? '';
  return { action, digest: reference?.digest ?? parseDigest(text) };
}

function nameIn(username: string | undefined): string | undefined {
  return username !== undefined && looksLikeUsername(username) ? username : undefined;
}

function reasonOf(error: unknown): string {
  if (error instanceof RegistryError) return error.code;
  return error instanceof ClientGone ? 'CLIENT_GONE' : 'UNKNOWN';
}
