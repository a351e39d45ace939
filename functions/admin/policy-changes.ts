// What changes of a project's policy have in common, its federation rules being a part of it.

import type { FederationRule } from '#shared/auth/oidc/federation-rules.ts';
import {
  changePolicy,
  etagOf,
  type PolicyChange,
  type StoredPolicy,
} from '#shared/auth/policies.ts';
import { isOwner, type ProjectPolicy, type Standing } from '#shared/auth/policy.ts';
import type { Reply } from '#shared/http/reply.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { auditDetailCharactersMax } from '#shared/oci/limits.ts';
import type { ProjectRequest } from '../action.ts';
import type { Services } from '../services.ts';
import type { PolicyAnswer } from './answers.ts';
import { authorOf, privateReply, readFlag } from './replies.ts';

export interface Changed {
  readonly policy: StoredPolicy;
  /** For the reply. */
  readonly audited: { readonly detail: string };
}

/**
 * Changes the policy of the request's project, unless `If-Match` names another than it is (RFC 9110 section 13.1.1), or the
 * caller would own the project no more. That is what `?force=true` is for.
 * @param change.etags beside `If-Match`, what the policy may be
 * @throws RegistryError UNSUPPORTED: 412, or 400 where the caller would be locked out
 */
export async function change(
  request: ProjectRequest,
  services: Services,
  { to, etags, action, detail: describe }: Omit<Required<PolicyChange>, 'author'>,
): Promise<Changed> {
  const { project, access, host } = request;
  const matching = ifMatch(request);
  const standing = await services.authority.standing(project, access.identity, host);
  let detail = '';
  const policy = await changePolicy(services, project, {
    action,
    author: authorOf(request),
    detail: (before, after) => {
      detail = describe(before, after).slice(0, auditDetailCharactersMax);
      return detail;
    },
    etags:
      matching === undefined ? etags : matching.filter((etag) => etags?.includes(etag) ?? true),
    to: (before) => {
      const after = to(before);
      requireOwnerStays(request, standing, before, after);
      return after;
    },
  });
  return { policy, audited: { detail } };
}

/** The etags of `If-Match`: strong ones, for only these match. `undefined` where it is not there, or any will do. */
function ifMatch({ headers }: Pick<ProjectRequest, 'headers'>): readonly string[] | undefined {
  const header = headers['if-match'];
  if (header === undefined || header.trim() === '*') return undefined;
  return header.split(',').map((etag) => etag.trim());
}

function requireOwnerStays(
  { access, project, query }: ProjectRequest,
  standing: Standing,
  before: ProjectPolicy,
  after: ProjectPolicy,
): void {
  if (readFlag(query, 'force')) return;
  const owns = (policy: ProjectPolicy) =>
    isOwner({ ...standing, policy, isOpen: false }, access.identity.principal);
  // Who does not own it by the policy does so by what this does not change.
  if (!owns(before) || owns(after)) return;
  throw new RegistryError('UNSUPPORTED', {
    message: `${access.by} would own ${project} no more, and could not undo it: keep an owner's binding for it, or add ?force=true`,
    status: 400,
  });
}

/** A policy with its etag, in the header and in the body. */
export function policyReply(policy: StoredPolicy): Reply {
  const { bindings, writersDelete, gcrDeletes = false } = policy;
  const answer: PolicyAnswer = {
    etag: shownEtag(policy),
    bindings: bindings.map(({ role, members, prefix }) => ({
      role,
      members: [...members],
      ...(prefix === undefined ? {} : { prefix }),
    })),
    writersDelete,
    gcrDeletes,
  };
  return privateReply(answer, { ETag: etagOf(policy) });
}

/** In JSON an etag has no quotes. */
export function shownEtag(policy: StoredPolicy): string {
  return etagOf(policy).slice(1, -1);
}

/** @throws RegistryError NAME_UNKNOWN when there is none of that id */
export function requireRule({ federation }: ProjectPolicy, id: string): FederationRule {
  const rule = federation.find((one) => one.id === id);
  if (rule !== undefined) return rule;
  throw new RegistryError('NAME_UNKNOWN', {
    message: `there is no federation rule ${JSON.stringify(id.slice(0, 64))} in this project`,
  });
}

/** A rule, for the audit. */
export function describeRule({ id, ...rule }: FederationRule): string {
  return `${id}: ${JSON.stringify(rule)}`;
}
