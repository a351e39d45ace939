// The policies of projects, as they are kept: one document a project, changed by who saw what it was.
//
//   - / project / policies / policy           ProjectPolicy
//   - / - / projects / project                that there is one
//   - / - / issuers / issuer / project        that a project trusts the issuer: before anything is asked of it

import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { type Author, audit } from '../audit/entries.ts';
import { RegistryError } from '../oci/errors.ts';
import {
  bindingsMax,
  federationRulesMax,
  memberCharactersMax,
  membersMax,
  nameCharactersMax,
  policiesAtOnce,
  policyBytesMax,
  recentPoliciesMax,
  recentSeconds,
  trustingProjectsMax,
} from '../oci/limits.ts';
import { parseRepositoryName, projectOf } from '../oci/reference.ts';
import type { Clock } from '../ports/clock.ts';
import type { Document, Documents, Key, Reads, Transaction } from '../ports/documents.ts';
import { type Member, parseMember } from './member.ts';
import { isProject, pathOfProject } from './names.ts';
import { type FederationRule, matchesRule } from './oidc/federation-rules.ts';
import { type Binding, emptyPolicy, type ProjectPolicy } from './policy.ts';
import type { FederatedPrincipal, Role } from './principal.ts';
import { projectSubject, revoke } from './revocations.ts';

export interface StoredPolicy extends ProjectPolicy {
  /** What tokens remember it by: microseconds since 1970, or 0 where nothing was ever decided. */
  readonly version: number;
}

const policyKey = (project: string): Key => ['-', project, 'policies', 'policy'];
const projectsPrefix: Key = ['-', '-', 'projects'];
const issuerPrefix = (issuer: string): Key => ['-', '-', 'issuers', issuer];

/** The policy of a project as it is now. */
export async function readPolicy(
  reads: Pick<Reads, 'get'>,
  project: string,
): Promise<StoredPolicy> {
  return storedPolicy(isProject(project) ? await reads.get(policyKey(project)) : undefined);
}

function storedPolicy(found: Document | undefined): StoredPolicy {
  if (found === undefined) return { ...emptyPolicy, version: 0 };
  const { bindings, writersDelete, gcrDeletes, federation } =
    found.value as unknown as ProjectPolicy;
  const rules = { writersDelete, gcrDeletes: gcrDeletes === true };
  return { bindings, ...rules, federation, version: found.committedAt };
}

/** What a client is told a policy by, and shows when it changes it: an entity tag (RFC 9110 section 8.8.3). */
export function etagOf({ version }: StoredPolicy): string {
  return `"${version}"`;
}

export interface PolicyChange {
  readonly author: Author;
  /** The etags of the policies that the change may be made to; left out by changes that hold for any. */
  readonly etags?: readonly string[] | undefined;
  readonly action:
    | 'policy.change'
    | 'federation.create'
    | 'federation.change'
    | 'federation.delete';
  /** For the audit: what is changed. */
  detail?(before: ProjectPolicy, after: ProjectPolicy): string;
  /** The policy that is to be; it may throw RegistryError, and then nothing changes. Called once or more. */
  to(policy: ProjectPolicy): ProjectPolicy;
}

/**
 * Changes a policy: in one transaction with its audit entry, and with what refuses tokens that were granted before.
 * @returns the policy as it is then, which may be what somebody else made of it since
 * @throws RegistryError UNSUPPORTED: 412 when another change came first; 400 when the document would be larger than
 *   `policyBytesMax`
 */
export async function changePolicy(
  { documents, clock }: { readonly documents: Documents; readonly clock: Clock },
  project: string,
  { author, etags, action, detail, to }: PolicyChange,
): Promise<StoredPolicy> {
  const change = randomUUID();
  await documents.transact(async (transaction) => {
    const found = await transaction.get(policyKey(project));
    // Its own write, where the answer to that was lost and it runs again.
    if (found?.value['change'] === change) return;
    const before = storedPolicy(found);
    if (etags !== undefined && !etags.includes(etagOf(before))) {
      throw changedMeanwhile(etagOf(before));
    }
    const after = to(before);
    const now = clock.now();
    const { bindings, writersDelete, gcrDeletes = false, federation } = after;
    // The id makes each write another: one of the same may count as none, and then have no new version.
    const record = { bindings, writersDelete, gcrDeletes, federation, change };
    requireSize(record);
    transaction.set(policyKey(project), record as unknown as { change: string });
    noteProject(transaction, project);
    noteIssuers(transaction, project, before.federation, federation);
    revoke(transaction, projectSubject(project), now);
    audit(transaction, { action, project, detail: detail?.(before, after) }, { ...author, now });
  });
  return readPolicy(documents, project);
}

/** Writes down that there is something to decide in a project. */
export function noteProject(transaction: Transaction, project: string): void {
  transaction.set([...projectsPrefix, project], {});
}

function noteIssuers(
  transaction: Transaction,
  project: string,
  before: readonly FederationRule[],
  after: readonly FederationRule[],
): void {
  const [old, now] = [before, after].map((rules) => new Set(rules.map(({ issuer }) => issuer)));
  for (const issuer of now ?? []) transaction.set([...issuerPrefix(issuer), project], {});
  for (const issuer of old ?? []) {
    if (!now?.has(issuer)) transaction.delete([...issuerPrefix(issuer), project]);
  }
}

/** Projects about which something was decided, in order. */
export function listProjects(
  documents: Documents,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
): Promise<readonly string[]> {
  const last = after === undefined ? undefined : [...projectsPrefix, after];
  return documents.names({ prefix: projectsPrefix, after: last, limit });
}

/** Whether something was decided about a project. */
export async function isDecided(documents: Documents, project: string): Promise<boolean> {
  return (await documents.get([...projectsPrefix, project])) !== undefined;
}

/** Whether any project trusts an issuer: nothing is asked of one that none does. */
export async function isTrustedIssuer(documents: Documents, issuer: string): Promise<boolean> {
  return (await documents.names({ prefix: issuerPrefix(issuer), limit: 1 })).length > 0;
}

/**
 * Whether a rule of any project lets somebody in: whom none does is nobody here, whatever vouches for him elsewhere. Where
 * more projects trust the issuer than are looked into, he is let in, and may nothing that no rule of its own project allows.
 */
export async function isLetInAnywhere(
  documents: Documents,
  principal: FederatedPrincipal,
  audiences: readonly string[],
): Promise<boolean> {
  const prefix = issuerPrefix(principal.issuer);
  const projects = await documents.names({ prefix, limit: trustingProjectsMax + 1 });
  if (projects.length > trustingProjectsMax) return true;
  for (let at = 0; at < projects.length; at += policiesAtOnce) {
    const some = projects.slice(at, at + policiesAtOnce);
    const policies = await Promise.all(some.map((project) => readPolicy(documents, project)));
    const rules = policies.flatMap(({ federation }) => federation);
    if (rules.some((rule) => matchesRule(rule, principal, audiences))) return true;
  }
  return false;
}

export interface RecentPolicies {
  /** As it is now. */
  read(project: string): Promise<StoredPolicy>;
  /** As it is, or was within `recentSeconds`. */
  recent(project: string): Promise<StoredPolicy>;
}

/** Keeps what it read for `recentSeconds`, for a bounded number of projects. */
export function openPolicies(documents: Documents, clock: Clock): RecentPolicies {
  const known = new Map<string, { policy: Promise<StoredPolicy>; until: number }>();
  const read = (project: string) => {
    const policy = readPolicy(documents, project);
    known.delete(project);
    if (known.size >= recentPoliciesMax) known.delete(known.keys().next().value ?? '');
    known.set(project, { policy, until: clock.now() + recentSeconds * 1000 });
    policy.catch(() => known.delete(project));
    return policy;
  };
  return {
    read,
    recent: (project) => {
      const found = known.get(project);
      return found !== undefined && found.until > clock.now() ? found.policy : read(project);
    },
  };
}

/** The names of roles that Google's own have here: so gcr.io's Owner, Editor and Viewer of a project hold. */
const roles = {
  owner: 'owner',
  writer: 'writer',
  reader: 'reader',
  'roles/owner': 'owner',
  'roles/editor': 'writer',
  'roles/viewer': 'reader',
  'roles/storage.admin': 'owner',
  'roles/storage.legacyBucketWriter': 'writer',
  'roles/storage.objectViewer': 'reader',
  'roles/artifactregistry.admin': 'owner',
  'roles/artifactregistry.repoAdmin': 'owner',
  'roles/artifactregistry.writer': 'writer',
  'roles/artifactregistry.reader': 'reader',
} as const satisfies Record<string, Role>;

export const roleSchema = v.pipe(
  v.picklist(Object.keys(roles) as (keyof typeof roles)[], 'must be owner, writer or reader'),
  v.transform((text): Role => roles[text]),
);

/** What limits a role to some repositories; which ones make sense {@link parsePrefix} says. */
export const prefixSchema = v.pipe(
  v.string(),
  v.maxLength(nameCharactersMax + 3, `must be at most ${nameCharactersMax + 3} characters`),
);

/** What a client may set of a policy; federation has its own. */
export const policySchema = v.strictObject({
  bindings: v.pipe(
    v.array(
      v.strictObject({
        role: roleSchema,
        members: v.pipe(
          v.array(
            v.pipe(
              v.string(),
              v.maxLength(memberCharactersMax, `must be at most ${memberCharactersMax} characters`),
            ),
          ),
          v.minLength(1, 'must be a member at least'),
          v.maxLength(membersMax, `must be at most ${membersMax} members`),
        ),
        prefix: v.optional(prefixSchema),
      }),
    ),
    v.maxLength(bindingsMax, `must be at most ${bindingsMax} bindings`),
  ),
  writersDelete: v.optional(v.boolean(), false),
  // Left out, it stays as it is: a client that does not know of it must not make deleting easier.
  gcrDeletes: v.optional(v.boolean()),
});

/**
 * The bindings of a policy that somebody wrote, each member in the form it is compared in, those of one role and prefix
 * together.
 * @throws RegistryError UNSUPPORTED (400) that says which member or prefix is none, or that there are more than
 *   `membersMax` members
 */
export function parseBindings(
  bindings: v.InferOutput<typeof policySchema>['bindings'],
  project: string,
): readonly Binding[] {
  const merged = new Map<
    string,
    { role: Role; prefix: string | undefined; members: Set<Member> }
  >();
  let members = 0;
  for (const { role, prefix: text, members: named } of bindings) {
    const prefix = text === undefined ? undefined : parsePrefix(text, project);
    const key = `${role} ${prefix ?? ''}`;
    const binding = merged.get(key) ?? { role, prefix, members: new Set() };
    merged.set(key, binding);
    for (const member of named) binding.members.add(requireMember(member, project));
    members += named.length;
  }
  if (members > membersMax) throw invalid(`a policy names at most ${membersMax} members`);
  return [...merged.values()].map(({ role, prefix, members: set }) => ({
    role,
    members: [...set],
    ...(prefix === undefined ? {} : { prefix }),
  }));
}

/**
 * A prefix as somebody wrote it: a repository's name, or the beginning of one in whole segments, in the project.
 * @throws RegistryError UNSUPPORTED (400) when it is none
 */
export function parsePrefix(text: string, project: string): string {
  const prefix = pathOfProject(text).replace(/\/(?:\*{0,2})$/, '');
  const name = parseRepositoryName(prefix);
  // Below `example.com` lie no repositories of its own, but projects.
  if (name !== undefined && name !== project && projectOf(name) === project) return prefix;
  throw invalid(
    `a prefix begins with the project, in whole segments, as ${project}/backend does: not ${quoted(text)}`,
  );
}

/** @throws RegistryError UNSUPPORTED (400) when rules are more than `federationRulesMax` */
export function requireRoom(rules: readonly FederationRule[]): void {
  if (rules.length > federationRulesMax) {
    throw invalid(`a project has at most ${federationRulesMax} federation rules`);
  }
}

function requireMember(text: string, project: string): Member {
  const member = parseMember(text, project);
  if (member !== undefined) return member;
  throw invalid(
    `not a member: ${quoted(text)}; one is user:EMAIL, serviceAccount:EMAIL, robot:NAME, principal://ISSUER/SUBJECT, principalSet://ISSUER/CLAIM.VALUE, allAuthenticatedUsers or allUsers`,
  );
}

function requireSize(record: object): void {
  if (Buffer.byteLength(JSON.stringify(record)) > policyBytesMax) {
    throw invalid(`a policy, with its federation rules, is at most ${policyBytesMax} bytes`);
  }
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, nameCharactersMax));
}

function invalid(message: string): RegistryError {
  return new RegistryError('UNSUPPORTED', { message, status: 400 });
}

function changedMeanwhile(etag: string): RegistryError {
  return new RegistryError('UNSUPPORTED', {
    message: 'somebody else changed it meanwhile: read it again, and change that',
    status: 412,
    headers: { ETag: etag },
  });
}
