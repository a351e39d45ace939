// Members: whom a binding names. Google's forms, and `robot:` for our own accounts.

import * as v from 'valibot';
import { memberCharactersMax } from '../oci/limits.ts';
import { isProject, isRobotName, pathOfProject } from './names.ts';
import type { FederationRule } from './oidc/federation-rules.ts';
import { type FederatedPrincipal, type Principal, withoutScheme } from './principal.ts';

declare const memberBrand: unique symbol;
/** A valid member, in the one form it is compared in. Made only by {@link parseMember}. */
export type Member = string & { readonly [memberBrand]: true };

/** No space, and nothing that is not seen: what stands in an audit must be what it looks like. */
const emailPattern = /^[^\s@:/\p{C}]{1,64}@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/u;
const accountIdPattern = /^\d{1,32}$/;
/** An issuer without `https://`, then what it says of somebody: no space, no control character. Private ones keep `http://`. */
const outsidePattern = /^(?:http:\/\/)?[a-z0-9][a-z0-9.-]*(?::\d{1,5})?\/[^\s\p{Cc}\p{Cs}]+$/u;

/**
 * A member as a person writes it: `user:EMAIL`, `serviceAccount:EMAIL` or its number, `robot:NAME` of the project or
 * `robot:NAME@PROJECT` (of a domain, with a slash or a colon), `principal://ISSUER/SUBJECT`, `principalSet://ISSUER/CLAIM.VALUE`, `allAuthenticatedUsers`,
 * `allUsers`. `undefined` when it is none.
 */
export function parseMember(text: string, project: string): Member | undefined {
  if (text.length > memberCharactersMax) return undefined;
  if (text === 'allUsers' || text === 'allAuthenticatedUsers') return text as Member;
  const outside = /^(principal|principalSet):\/\/(.+)$/s.exec(text);
  if (outside !== null) return outsidePattern.test(outside[2] ?? '') ? (text as Member) : undefined;
  const colon = text.indexOf(':');
  const [kind, who] = [text.slice(0, colon), text.slice(colon + 1)];
  if (kind === 'robot') return parseRobot(who, project);
  if (kind !== 'user' && kind !== 'serviceAccount') return undefined;
  const account = who.toLowerCase();
  return emailPattern.test(account) || accountIdPattern.test(account)
    ? (`${kind}:${account}` as Member)
    : undefined;
}

function parseRobot(who: string, project: string): Member | undefined {
  const [name = '', written = project, ...more] = who.split('@');
  const home = pathOfProject(written);
  return more.length === 0 && isRobotName(name) && isProject(home)
    ? (`robot:${name}@${home}` as Member)
    : undefined;
}

/**
 * Whether a member means that principal.
 * @param rules of the project, of which one at least must match a federated principal: see {@link issuerOf}
 */
export function isMember(
  member: Member,
  principal: Principal,
  rules: readonly FederationRule[],
): boolean {
  if (member === 'allUsers') return true;
  if (principal.kind === 'anonymous') return false;
  if (member === 'allAuthenticatedUsers') return true;
  switch (principal.kind) {
    case 'admin':
      return false;
    case 'robot':
      return member === `robot:${principal.name}@${principal.project}`;
    case 'google': {
      const { type, email, id } = principal;
      return member === `${type}:${email}` || member === `${type}:${id}`;
    }
    case 'federated':
      // In this order: a policy may name 1,500 members and trust 100 issuers.
      return isNamed(member, principal) && issuerOf(member, rules) === principal.issuer;
  }
}

/** Whether a member is written as one of that issuer who says so of itself, whichever issuer it means. */
function isNamed(member: Member, { issuer, subject, claims }: FederatedPrincipal): boolean {
  const [one, set] = ['principal', 'principalSet'].map(
    (kind) => `${kind}://${withoutScheme(issuer)}/`,
  ) as [string, string];
  if (member.startsWith(one)) return member.slice(one.length) === subject;
  if (!member.startsWith(set)) return false;
  const said = member.slice(set.length);
  return Object.entries(claims).some(([claim, value]) => said === `${claim}.${value}`);
}

/**
 * The issuer that a member means, of those that the project trusts: the longest that it begins with. So nobody of
 * `https://a.example` becomes somebody of `https://a.example/b` by a subject that begins with `b/`.
 */
function issuerOf(member: Member, rules: readonly FederationRule[]): string | undefined {
  const [, rest] = /^principal(?:Set)?:\/\/(.*)$/s.exec(member) ?? [];
  if (rest === undefined) return undefined;
  const issuers = rules
    .map(({ issuer }) => issuer)
    .filter((issuer) => rest.startsWith(`${withoutScheme(issuer)}/`));
  return issuers.sort((one, other) => other.length - one.length)[0];
}

/** Members that a setting names, separated by commas; robots with their project. */
export const membersSchema = v.pipe(
  v.string(),
  v.transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  ),
  v.rawTransform<string[], readonly Member[]>(({ dataset, addIssue, NEVER }) => {
    const members = dataset.value.map((text) => parseMember(text, ''));
    if (members.every((member) => member !== undefined)) return members;
    addIssue({ message: 'must be members, as user:EMAIL, separated by commas' });
    return NEVER;
  }),
  v.check(
    (members) => !members.some((member) => /^(all|principal)/.test(member)),
    'must be persons and accounts, one by one',
  ),
);
