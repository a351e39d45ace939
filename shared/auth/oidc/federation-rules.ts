// Federation rules: which jobs of which CI system count in a project. A rule names an issuer of ID tokens and what
// its tokens must say; who matches none is nobody here, however good the token.

import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { RegistryError } from '../../oci/errors.ts';
import {
  audienceCharactersMax,
  claimNameCharactersMax,
  issuerCharactersMax,
  nameCharactersMax,
  patternCharactersMax,
  patternWildcardsMax,
  ruleClaimsMax,
} from '../../oci/limits.ts';
import { parseRepositoryName, projectOf } from '../../oci/reference.ts';
import { pathOfProject } from '../names.ts';
import type { Principal, Role } from '../principal.ts';
import { issuerFault } from './issuer-url.ts';
import { tenantFault } from './public-issuers.ts';

export interface FederationRule {
  /** Its name in the project. */
  readonly id: string;
  /** `iss` of its tokens, character for character. */
  readonly issuer: string;
  /** What must be among the token's audiences; left out: the registry's own, by its host. */
  readonly audience?: string | undefined;
  /** Claim → pattern ({@link matchesPattern}). All must match. */
  readonly claims: Readonly<Record<string, string>>;
  /** What who matches may do; left out: what the bindings of the policy say. */
  readonly role?: Role | undefined;
  /** The role holds for these repositories only: whole segments of names in the project. */
  readonly prefix?: string | undefined;
}

type Federated = Extract<Principal, { kind: 'federated' }>;

/** Also URLs: CircleCI's claims, and everyone's own ones, are named so. */
export const claimNamePattern = /^[A-Za-z0-9_][A-Za-z0-9_.:/@-]{0,63}$/;

/** Claims that say of a token when and for whom it is good, not whose it is: they are no conditions, and not kept. */
export const tokenClaims = ['iss', 'aud', 'exp', 'iat', 'nbf', 'jti', 'nonce', 'at_hash'] as const;

/** What objects have from birth is no condition either. */
const unusable = [...tokenClaims, '__proto__', 'constructor', 'prototype'];

/** A rule as it is sent. Which issuers, claims and prefixes make sense together {@link parseFederationRule} says. */
export const federationRuleSchema = v.strictObject({
  id: v.optional(
    v.pipe(
      v.string('must be text'),
      v.maxLength(64, 'must be at most 64 characters'),
      v.regex(
        /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/,
        'must be small letters and digits, with . _ - between',
      ),
    ),
  ),
  issuer: v.pipe(
    v.string('must be text'),
    v.maxLength(issuerCharactersMax, `must be at most ${issuerCharactersMax} characters`),
  ),
  audience: v.optional(
    v.pipe(
      v.string('must be text'),
      v.nonEmpty('must not be empty'),
      v.maxLength(audienceCharactersMax, `must be at most ${audienceCharactersMax} characters`),
    ),
  ),
  claims: v.optional(
    v.pipe(
      v.record(
        v.pipe(
          v.string(),
          v.regex(
            claimNamePattern,
            `must be named by at most ${claimNameCharactersMax} letters, digits and _ . : / @ -`,
          ),
        ),
        v.pipe(
          v.string('must be a pattern, which is text'),
          v.nonEmpty('must not be empty'),
          v.maxLength(patternCharactersMax, `must be at most ${patternCharactersMax} characters`),
          v.regex(
            new RegExp(`^[^*]*(?:\\*+[^*]*){0,${patternWildcardsMax}}$`),
            `must have at most ${patternWildcardsMax} wildcards`,
          ),
        ),
        'must be an object of patterns',
      ),
      v.maxEntries(ruleClaimsMax, `must be at most ${ruleClaimsMax}`),
    ),
  ),
  role: v.optional(v.picklist(['owner', 'writer', 'reader'], 'must be owner, writer or reader')),
  prefix: v.optional(
    v.pipe(
      v.string('must be text'),
      v.maxLength(nameCharactersMax, `must be at most ${nameCharactersMax} characters`),
    ),
  ),
});

/**
 * A rule of a project. One without an id is given one by what it says, so that the same rule sent twice has the same.
 * @param value JSON, as a client sent it
 * @param privateIssuers the operator's own issuers, which may be http and in a private network
 * @throws RegistryError UNSUPPORTED with status 400, which says what is wrong with it
 */
export function parseFederationRule(
  value: unknown,
  project: string,
  privateIssuers: readonly string[] = [],
): FederationRule {
  const parsed = v.safeParse(federationRuleSchema, value, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const path = v.getDotPath(issue) ?? '';
    const expected = issue.message.startsWith('must') ? issue.message : 'is not what a rule has';
    throw badRule(`${path.slice(0, 100) || 'a rule'} ${expected}`);
  }
  const { issuer, audience, claims = {}, role, id = '' } = parsed.output;
  const prefix =
    parsed.output.prefix === undefined ? undefined : pathOfProject(parsed.output.prefix);
  // To the schema a list is an object, too, and an empty one has no conditions.
  if (Array.isArray(hasOwn(value, 'claims'))) throw badRule('claims must be an object of patterns');
  // The schema leaves some of these out, and a condition that is left out lets everyone in.
  const named = unusable.find((name) => hasOwn(hasOwn(value, 'claims'), name) !== undefined);
  if (named !== undefined) {
    throw badRule(
      `claims.${named} cannot be a condition${named === 'aud' ? ': the rule’s audience is' : ''}`,
    );
  }
  const fault = issuerFault(issuer, privateIssuers);
  if (fault !== undefined) throw badRule(`issuer ${fault}`);
  const open = tenantFault(issuer, claims);
  if (open !== undefined) throw badRule(open);
  if (prefix !== undefined) checkPrefix(prefix, project, role);
  const rule = { issuer, audience, claims, role, prefix };
  return { id: id === '' ? idOf(rule) : id, ...withoutUndefined(rule) };
}

function checkPrefix(prefix: string, project: string, role: Role | undefined): void {
  const name = parseRepositoryName(prefix);
  if (name === undefined || projectOf(name) !== project) {
    throw badRule(
      `prefix must be a repository of ${project}, or the beginning of some: ${project}/…`,
    );
  }
  if (role === undefined) {
    throw badRule('prefix limits the rule’s role, so it needs one; bindings have their own');
  }
}

function badRule(message: string): RegistryError {
  return new RegistryError('UNSUPPORTED', { status: 400, message });
}

function hasOwn(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

function withoutUndefined(rule: Omit<FederationRule, 'id'>): Omit<FederationRule, 'id'> {
  const { audience, role, prefix } = rule;
  return {
    issuer: rule.issuer,
    ...(audience === undefined ? {} : { audience }),
    claims: rule.claims,
    ...(role === undefined ? {} : { role }),
    ...(prefix === undefined ? {} : { prefix }),
  };
}

function idOf({ issuer, audience, claims, role, prefix }: Omit<FederationRule, 'id'>): string {
  const conditions = Object.entries(claims).sort(([a], [b]) => (a < b ? -1 : 1));
  const said = JSON.stringify([issuer, audience, conditions, role, prefix]);
  return `rule-${createHash('sha256').update(said).digest('hex').slice(0, 12)}`;
}

/**
 * Whether a rule is meant for who shows a token. The condition `sub` is on the principal's subject.
 * @param defaultAudiences of the registry, for rules that name none: `https://HOST` and `HOST`
 */
export function matchesRule(
  rule: FederationRule,
  principal: Federated,
  defaultAudiences: readonly string[],
): boolean {
  if (rule.issuer !== principal.issuer) return false;
  const audiences = rule.audience === undefined ? defaultAudiences : [rule.audience];
  if (!audiences.some((audience) => principal.audiences.includes(audience))) return false;
  return Object.entries(rule.claims).every(([name, pattern]) => {
    const said = name === 'sub' ? principal.subject : hasOwn(principal.claims, name);
    return typeof said === 'string' && matchesPattern(pattern, said);
  });
}

/**
 * Whether a text is as a pattern says, from its beginning to its end: `*` stands for any characters but `/` and `:`, so that
 * it stays within one part of a name, `**` for any characters, every other one for itself. Wildcards may stand for none.
 * Both have at most 1,024 characters, longer ones never match; the time is at most the product of both.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  if (pattern.length > patternCharactersMax || text.length > patternCharactersMax) return false;
  // reached[n]: what was read of the pattern can be the first n characters of the text.
  let reached = new Uint8Array(text.length + 1);
  reached[0] = 1;
  for (const piece of pattern.split(/(\*+)/)) {
    reached = piece.startsWith('*')
      ? passOver(reached, text, piece === '*')
      : passText(reached, text, piece);
  }
  return reached[text.length] === 1;
}

/** From each place that was reached, all that follow, or those of the same part of the name. */
function passOver(
  reached: Uint8Array<ArrayBuffer>,
  text: string,
  within: boolean,
): Uint8Array<ArrayBuffer> {
  let on = false;
  return reached.map((is, n) => {
    if (within && n > 0 && '/:'.includes(text.charAt(n - 1))) on = false;
    on ||= is === 1;
    return on ? 1 : 0;
  });
}

/** From each place that was reached, the one after the characters that are the text's there. */
function passText(
  reached: Uint8Array<ArrayBuffer>,
  text: string,
  characters: string,
): Uint8Array<ArrayBuffer> {
  return reached.map((_, n) => {
    const from = n - characters.length;
    return from >= 0 && reached[from] === 1 && text.startsWith(characters, from) ? 1 : 0;
  });
}
