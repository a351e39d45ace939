// Opaque access tokens: Google's tokeninfo says whose they are and what for.

import * as v from 'valibot';
import { googleIdentitySecondsMax, googleRefusalSeconds } from '../../oci/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { GooglePrincipal } from '../principal.ts';
import { parseAccountId, parseEmail, principalOfEmail } from './accounts.ts';
import type { KeptAnswer } from './answers.ts';
import type { Google } from './requests.ts';
import { rightsOfScopes } from './scopes.ts';

export interface AccessToken {
  /** `undefined` where tokeninfo does not tell whose it is. */
  readonly principal: GooglePrincipal | undefined;
  /** Whether its scopes allow no writing. */
  readonly pullOnly: boolean;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** What tokeninfo says of a token; `unknown` when it knows none such; `useless` when it is not for storage, or over. */
export type TokenInfo = AccessToken | 'unknown' | 'useless';

const text = v.optional(v.string());

/** `https://oauth2.googleapis.com/tokeninfo`: numbers and booleans are texts there. */
const infoSchema = v.object({
  azp: text,
  sub: text,
  scope: v.string(),
  exp: v.pipe(
    v.union([v.number(), v.pipe(v.string(), v.regex(/^\d{1,15}$/))]),
    v.transform(Number),
    v.number(),
    v.safeInteger(),
  ),
  email: text,
  email_verified: v.optional(v.union([v.boolean(), v.string()])),
});

const refusalSchema = v.object({ error: v.string() });

/**
 * Asks Google about a token: with a POST and in a header, as Google's own libraries do, since URLs are logged on the way.
 * @throws GoogleSilent
 */
export async function askTokenInfo(
  google: Google,
  clock: Clock,
  token: string,
): Promise<KeptAnswer<TokenInfo>> {
  const { status, body } = await google.ask('oauth2', '/tokeninfo', {
    method: 'POST',
    bearer: token,
  });
  const now = clock.now();
  const refusal = (answer: TokenInfo) => ({
    answer,
    refused: true,
    until: now + googleRefusalSeconds * 1000,
  });
  if (status === 400 || status === 401) {
    const refused = v.safeParse(refusalSchema, body);
    if (!refused.success)
      throw google.silence('oauth2', `status ${status}, and not in Google's words`);
    return refusal(refused.output.error === 'invalid_token' ? 'unknown' : 'useless');
  }
  const info = v.safeParse(infoSchema, body);
  if (status !== 200 || !info.success)
    throw google.silence('oauth2', `status ${status}, not as expected`);
  const { output } = info;
  const expiresAt = output.exp * 1000;
  const rights = rightsOfScopes(output.scope);
  if (rights === undefined || expiresAt <= now) return refusal('useless');
  const account = accountOf(output);
  const pullOnly = rights === 'pull';
  return {
    answer: {
      principal: account === undefined ? undefined : withRights(account, pullOnly),
      pullOnly,
      expiresAt,
    },
    refused: false,
    until: Math.min(expiresAt, now + googleIdentitySecondsMax * 1000),
  };
}

/** The principal with what its scopes leave of its rights. */
export function withRights(principal: GooglePrincipal, pullOnly: boolean): GooglePrincipal {
  return pullOnly ? { ...principal, pullOnly } : principal;
}

/**
 * Whose token it is. A service account's is issued to the account itself, by its number; a user's to an OAuth client,
 * whose name is no number. A service account may also act for a user of its domain, and then both are there.
 */
function accountOf(info: v.InferOutput<typeof infoSchema>): GooglePrincipal | undefined {
  const subject = parseAccountId(info.sub);
  const holder = parseAccountId(info.azp);
  const email = parseEmail(info.email);
  if (email !== undefined && isTrue(info.email_verified)) {
    const principal = principalOfEmail(email, subject);
    if (principal.type === 'user' || subject !== undefined || holder === undefined)
      return principal;
    return { ...principal, id: holder };
  }
  if (subject !== undefined) {
    return { kind: 'google', type: subject === holder ? 'serviceAccount' : 'user', id: subject };
  }
  // With an email that is not to be relied on, the account is not the holder.
  if (info.email !== undefined || holder === undefined) return undefined;
  return { kind: 'google', type: 'serviceAccount', id: holder };
}

function isTrue(value: boolean | string | undefined): boolean {
  return value === true || value === 'true';
}
