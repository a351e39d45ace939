// The right to pull at an upstream: what its challenge asks for (Docker token specification, RFC 6750 section 3), got with
// its credentials or as nobody.

import { tokenCharactersMax } from '../oci/limits.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Clock } from '../ports/clock.ts';
import { discard, type UpstreamConnections, wholeBody } from './connection.ts';
import {
  mirrorAnswerMs,
  mirrorTokenBytesMax,
  mirrorTokenSeconds,
  mirrorTokenSecondsMax,
  mirrorTokensMax,
} from './limits.ts';
import { RecentlyUsed, Shared } from './recently-used.ts';
import { retryAfter } from './retry-after.ts';
import { type Credentials, maySeeCredentials, type Upstream } from './upstream.ts';
import { UpstreamFailure } from './upstream-failure.ts';

interface KeptToken {
  readonly authorization: string;
  readonly until: number;
}

/** A token that is about to expire is not used any more. */
const marginMs = 10_000;

export class UpstreamTokens {
  readonly #connections: UpstreamConnections;
  readonly #clock: Clock;
  readonly #kept = new RecentlyUsed<KeptToken>(mirrorTokensMax);
  readonly #asked = new Shared<string | undefined>();

  constructor(connections: UpstreamConnections, clock: Clock) {
    this.#connections = connections;
    this.#clock = clock;
  }

  /** The Authorization for a repository, as far as it is known. */
  known(upstream: Upstream, name: RepositoryName): string | undefined {
    const kept = this.#kept.get(keyOf(upstream, name));
    return kept !== undefined && kept.until > this.#clock.now() ? kept.authorization : undefined;
  }

  /**
   * Answers a challenge. Many that are challenged at once are one question.
   * @param challenge `WWW-Authenticate`
   * @param refused the Authorization that was not good enough
   * @returns the Authorization to ask again with; `undefined` where there is none for us
   * @throws UpstreamFailure when the token service does not answer, or refuses the credentials
   */
  async answer(
    upstream: Upstream,
    name: RepositoryName,
    { challenge, refused }: { readonly challenge: string; readonly refused: string | undefined },
  ): Promise<string | undefined> {
    const known = this.known(upstream, name);
    if (known !== undefined && known !== refused) return known;
    return this.#asked.ask(keyOf(upstream, name), async () => {
      const kept = await this.#get(upstream, name, challenge);
      if (kept === undefined) return undefined;
      this.#kept.set(keyOf(upstream, name), kept);
      return kept.authorization;
    });
  }

  async #get(
    upstream: Upstream,
    name: RepositoryName,
    challenge: string,
  ): Promise<KeptToken | undefined> {
    const { credentials } = upstream;
    const bearer = /\bbearer\s/i.exec(challenge);
    if (bearer === null) {
      if (!/\bbasic\b/i.test(challenge) || credentials === undefined) return undefined;
      const until = this.#clock.now() + mirrorTokenSecondsMax * 1000;
      return { authorization: basic(credentials), until };
    }
    const parameters = parametersOf(challenge.slice(bearer.index + bearer[0].length));
    const url = URL.parse(parameters.get('realm') ?? '');
    if (url === null) throw new UpstreamFailure('its challenge names no token service');
    if (parameters.has('service')) url.searchParams.set('service', parameters.get('service') ?? '');
    // Ours, not the challenge's: nobody has a token made for what was not asked for.
    url.searchParams.set('scope', `repository:${name}:pull`);
    const shown = maySeeCredentials(upstream, url.origin) ? credentials : undefined;
    return this.#ask(upstream, url, shown);
  }

  async #ask(
    upstream: Upstream,
    url: URL,
    credentials: Credentials | undefined,
  ): Promise<KeptToken | undefined> {
    const answer = await this.#connections.ask(upstream, {
      method: 'GET',
      url,
      headers: {
        Accept: 'application/json',
        ...(credentials === undefined ? {} : { Authorization: basic(credentials) }),
      },
      withinMs: mirrorAnswerMs,
    });
    const { status, headers, response } = answer;
    if (status !== 200) {
      discard(response);
      if (status === 429) throw retryAfter(headers['retry-after']);
      const isRefused = status === 401 || status === 403;
      if (isRefused && credentials === undefined) return undefined;
      throw new UpstreamFailure(
        isRefused
          ? 'its token service refuses the credentials'
          : `its token service answered ${status}`,
      );
    }
    const body = await wholeBody(answer, { max: mirrorTokenBytesMax, withinMs: mirrorAnswerMs });
    const { token, seconds } = parseToken(body);
    const until = this.#clock.now() + Math.max(seconds * 1000 - marginMs, (seconds * 1000) / 2);
    return { authorization: `Bearer ${token}`, until };
  }
}

function parseToken(body: Buffer): { token: string; seconds: number } {
  let answer: unknown;
  try {
    answer = JSON.parse(body.toString('utf8'));
  } catch {
    // Told below, as all else that is no token.
  }
  const fields = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<
    string,
    unknown
  >;
  const token = fields['token'] ?? fields['access_token'];
  const isToken =
    typeof token === 'string' && token.length <= tokenCharactersMax && /^[\x21-\x7e]+$/.test(token);
  if (!isToken) throw new UpstreamFailure('its token service did not answer with a token');
  const { expires_in: told = mirrorTokenSeconds } = fields;
  const seconds = typeof told === 'number' && told > 0 ? told : mirrorTokenSeconds;
  return { token, seconds: Math.min(seconds, mirrorTokenSecondsMax) };
}

/** `name="value"`s of a challenge, up to the first of each. */
function parametersOf(text: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const [, name = '', value = ''] of text.matchAll(/([a-z_]{1,20})="([^"]*)"/gi)) {
    if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
  }
  return parameters;
}

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function keyOf(upstream: Upstream, name: RepositoryName): string {
  return `${upstream.name}\0${name}`;
}
