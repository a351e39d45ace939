// What the admin API's answers have in common: they are nobody's to keep, and times in them are RFC 3339's.

import type { Author } from '#shared/audit/entries.ts';
import { unauthorized } from '#shared/auth/challenge.ts';
import type { StoredRobot } from '#shared/auth/robot-records.ts';
import type { Scope } from '#shared/auth/scope.ts';
import { jsonReply, type Reply, type ReplyHeaders } from '#shared/http/reply.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import type { ActionRequest } from '../action.ts';
import type { RobotAnswer } from './answers.ts';

/** 200, and what may have been a secret is kept nowhere on its way. */
export function privateReply(value: unknown, headers: ReplyHeaders = {}): Reply {
  return jsonReply(value, { 'Cache-Control': 'no-store', ...headers });
}

/** 201, and where it is now. */
export function createdReply(value: unknown, location: string, headers: ReplyHeaders = {}): Reply {
  return { ...privateReply(value, { Location: location, ...headers }), status: 201 };
}

/** 204 */
export function goneReply(headers: ReplyHeaders = {}): Reply {
  return { status: 204, headers: { 'Cache-Control': 'no-store', ...headers } };
}

/** The path of something of a project's. */
export function projectPath(project: string, ...rest: readonly string[]): string {
  return ['/api/v1/projects', shownProject(project), ...rest].join('/');
}

/** A project as paths and lists write it: that of a domain with a colon, as Google does. */
export function shownProject(project: string): string {
  return project.replace('/', ':');
}

/** Milliseconds since 1970, as RFC 3339 writes it. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

/** What is told of a robot: nothing of its secrets but that they are there. */
export function robotAnswer({
  name,
  project,
  role,
  prefix,
  created,
  expiresAt,
  disabled,
  secrets,
}: StoredRobot): RobotAnswer {
  return {
    name,
    username: `${name}@${project}`,
    role,
    ...(prefix === undefined ? {} : { prefix }),
    ...lifetime({ created, expiresAt }),
    disabled,
    secrets: secrets.map((secret) => ({ id: secret.id, ...lifetime(secret) })),
  };
}

function lifetime({ created, expiresAt }: Pick<StoredRobot, 'created' | 'expiresAt'>) {
  return {
    created: timeText(created),
    ...(expiresAt === undefined ? {} : { expiresAt: timeText(expiresAt) }),
  };
}

/**
 * Whether a query says `true`.
 * @throws RegistryError UNSUPPORTED (400) when it says something else than `true` or `false`
 */
export function readFlag(query: URLSearchParams, name: string): boolean {
  const text = query.get(name) ?? 'false';
  if (text === 'true' || text === 'false') return text === 'true';
  throw new RegistryError('UNSUPPORTED', { message: `${name} must be true or false`, status: 400 });
}

/** Who makes a change, for its audit. */
export function authorOf({ access, address, requestId }: ActionRequest): Author {
  return { by: access.by, address, requestId };
}

/**
 * Lets nobody in particular through no further, whose token may be good: nothing here is about them.
 * @param scope what to ask a token for
 * @throws RegistryError UNAUTHORIZED with a challenge
 */
export function requireSomebody({ access, origin, host }: ActionRequest, scope?: Scope): void {
  if (access.identity.principal.kind !== 'anonymous') return;
  throw unauthorized(origin, host, { message: 'log in first', scope });
}
