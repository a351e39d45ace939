// An issuer's keys, as it publishes them: its discovery document (OpenID Connect Discovery 1.0, section 4) names the
// place of its key set (RFC 7517). All of it is a stranger's, and only what is needed is kept.

import * as v from 'valibot';
import type { Network } from '../../http/public-connection.ts';
import {
  issuerAnswerMs,
  issuerKeysMax,
  issuerKeysSeconds,
  issuerKeysSecondsMax,
  issuerKeysSecondsMin,
} from '../../oci/limits.ts';
import { askIssuer } from './issuer-connection.ts';

/** What {@link discoverKeys} needs to know of the one who asks. */
export interface Discovery {
  readonly network: Network;
  /** The operator's own issuers, which may be http and in a private network. */
  readonly privateIssuers: readonly string[];
  /** How long all of it may take, in milliseconds. */
  readonly patienceMs?: number | undefined;
}

export interface IssuerKeySet {
  /** Public ones, for signatures. */
  readonly keys: readonly PublicKey[];
  /** How long they are good without asking again. */
  readonly freshSeconds: number;
}

/**
 * Asks an issuer for its keys: two questions.
 * @throws Error that says in few words why they cannot be had
 */
export async function discoverKeys(
  issuer: string,
  { network, privateIssuers, patienceMs = issuerAnswerMs }: Discovery,
): Promise<IssuerKeySet> {
  const isPrivate = privateIssuers.includes(issuer);
  const question = { network, isPrivate, signal: AbortSignal.timeout(patienceMs) };
  const place = await placeOfKeys(issuer, question);
  if (isPrivate && place.origin !== new URL(issuer).origin) {
    // Else a private issuer could have any place of the network asked.
    throw new Error('its jwks_uri is of another origin than a private issuer');
  }
  const { text, headers } = await askIssuer(place, question);
  return { keys: parseKeys(text), freshSeconds: freshSecondsOf(headers) };
}

/** The `jwks_uri` of its discovery document, of which the issuer must be the very one that was asked (section 4.3). */
async function placeOfKeys(
  issuer: string,
  question: Parameters<typeof askIssuer>[1],
): Promise<URL> {
  // Loaded here: who is shown no ID tokens need not know how they are verified.
  const oauth = await import('oauth4webapi');
  const url = new URL(issuer);
  const response = await oauth.discoveryRequest(url, {
    [oauth.allowInsecureRequests]: question.isPrivate,
    [oauth.customFetch]: async (address) => {
      const { text, headers } = await askIssuer(new URL(address), question);
      return new Response(text, { headers: { 'Content-Type': headers['content-type'] ?? '' } });
    },
  });
  const document = await oauth.processDiscoveryResponse(url, response);
  // Compared above as URLs, for which `https://a` and `https://a/` are one.
  if (document.issuer !== issuer) throw new Error('its discovery document is of another issuer');
  const place = typeof document.jwks_uri === 'string' ? URL.parse(document.jwks_uri) : null;
  if (place === null) throw new Error('its discovery document has no jwks_uri');
  return place;
}

const base64url = (charactersMax: number) =>
  v.pipe(v.string(), v.maxLength(charactersMax), v.regex(/^[A-Za-z0-9_-]+$/));
const marks = {
  kid: v.optional(v.pipe(v.string(), v.maxLength(256))),
  alg: v.optional(v.pipe(v.string(), v.maxLength(16))),
  use: v.optional(v.literal('sig')),
  key_ops: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(16))), v.maxLength(8))),
};
/** Keys that sign ID tokens, up to RSA of 8,192 bits; what else they say of themselves is left out. */
const keySchema = v.variant('kty', [
  v.object({ kty: v.literal('RSA'), n: base64url(1366), e: base64url(12), ...marks }),
  v.object({
    kty: v.literal('EC'),
    crv: v.picklist(['P-256', 'P-384', 'P-521']),
    x: base64url(88),
    y: base64url(88),
    ...marks,
  }),
  v.object({ kty: v.literal('OKP'), crv: v.literal('Ed25519'), x: base64url(44), ...marks }),
]);
export type PublicKey = v.InferOutput<typeof keySchema>;

const keySetSchema = v.object({ keys: v.array(v.unknown()) });

/** @throws Error when it is no set of keys, or none of them is of use */
function parseKeys(text: string): PublicKey[] {
  const set = v.safeParse(keySetSchema, parseJson(text));
  if (!set.success) throw new Error('its answer is no set of keys');
  const keys = set.output.keys.flatMap((key) => {
    const parsed = v.safeParse(keySchema, key);
    // Whoever publishes a private key has given it to everyone.
    return parsed.success && !Object.hasOwn(key as object, 'd') ? [parsed.output] : [];
  });
  if (keys.length === 0) throw new Error('its set has no key of use');
  if (keys.length > issuerKeysMax) throw new Error(`its set has more than ${issuerKeysMax} keys`);
  return keys;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** RFC 9111, section 4.2.1, for the little that matters here, within bounds of our own. */
function freshSecondsOf(headers: Readonly<Record<string, string | string[] | undefined>>): number {
  const { 'cache-control': cacheControl, age } = headers;
  const said = String(cacheControl ?? '').toLowerCase();
  const [, maxAge] = /(?:^|[\s,])max-age="?(\d{1,10})(?!\d)/.exec(said) ?? [];
  const unkept = /(?:^|[\s,])no-(?:store|cache)(?:$|[\s,=])/.test(said);
  const seconds = unkept
    ? 0
    : maxAge === undefined
      ? issuerKeysSeconds
      : Number(maxAge) - (Number(age) || 0);
  return Math.min(Math.max(seconds, issuerKeysSecondsMin), issuerKeysSecondsMax);
}
