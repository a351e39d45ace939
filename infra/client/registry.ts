// A registry that is asked something: its challenge, the token that this leads to, and then its API.

import type { Address } from './address.ts';
import { type Challenge, parseChallenge } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import { exitCodes, Failure } from './failure.ts';
import { type Answer, type AnswerHeaders, ask } from './http.ts';
import { asList, asRecord, asText, parseJson } from './json-values.ts';
import { shown } from './printable.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  /** `undefined` where the answer has no body. */
  readonly json: unknown;
}

export interface Registry {
  readonly address: Address;
  /**
   * Calls the admin API.
   * @param path from `/api/v1/` on, with its query
   * @param body is sent as JSON
   * @throws Failure with the registry's reason when the answer is not 2xx
   */
  call(method: string, path: string, body?: unknown): Promise<ApiAnswer>;
  /**
   * The items of a list on all its pages, or the first of them.
   * @param field of the answer, which holds the list
   */
  list(path: string, field: string, itemsMax?: number): Promise<readonly unknown[]>;
}

/** What a token endpoint answered. */
export interface Granted {
  readonly token: string;
  /** For a lasting login. */
  readonly refreshToken: string | undefined;
}

const apiBytesMax = 16 * 1024 * 1024;
const pagesMax = 1000;
const tokenCharactersMax = 32 * 1024;
const clientId = 'berth';

/** @param credentials `undefined` when there are none: the registry then says whether it needs any */
export function openRegistry(address: Address, credentials: Credentials | undefined): Registry {
  let token: string | undefined;

  const send = (method: string, path: string, body: unknown) =>
    ask(new URL(path, address.origin), {
      method,
      headers: {
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      bytesMax: apiBytesMax,
    });

  const call = async (method: string, path: string, body?: unknown): Promise<ApiAnswer> => {
    let answer = await send(method, path, body);
    if (answer.status === 401) {
      if (credentials === undefined) throw notLoggedIn(address);
      const challenge = challengeOf(answer, address);
      token = (await getToken(address, challenge, credentials, challenge.scope)).token;
      answer = await send(method, path, body);
    }
    if (answer.status < 200 || answer.status > 299) throw refusal(answer, address);
    return { status: answer.status, headers: answer.headers, json: jsonOf(answer, address) };
  };

  const list = async (path: string, field: string, itemsMax = Number.POSITIVE_INFINITY) => {
    const items: unknown[] = [];
    let next: string | undefined = path;
    for (let page = 0; next !== undefined && items.length < itemsMax; page += 1) {
      if (page === pagesMax) throw new Failure(`${address.host} answers with page after page`);
      const { json, headers } = await call('GET', next);
      const found = asRecord(json)[field];
      if (!Array.isArray(found)) throw new Failure(`${address.host} answered without ${field}`);
      items.push(...found.slice(0, itemsMax - items.length));
      next = nextPage(headers.get('Link'), address, next);
    }
    return items;
  };

  return { address, call, list };
}

/**
 * Where a registry's tokens are.
 * @throws Failure when it says so of another place: credentials go to the registry they are for, and nowhere else
 */
export async function findChallenge(address: Address): Promise<Challenge> {
  const answer = await ask(new URL('/v2/', address.origin));
  if (answer.status === 401) return challengeOf(answer, address);
  throw new Failure(
    `${address.host} is not a registry that one logs in to: it answered ${answer.status} to GET /v2/`,
  );
}

/**
 * Asks for a token.
 * @param scope what it is to be good for; for nothing when left out, which proves the credentials all the same
 * @param offline asks for a refresh token too
 * @throws Failure when the credentials are refused
 */
export async function getToken(
  address: Address,
  { realm, service }: Challenge,
  { username, kind, secret }: Pick<Credentials, 'username' | 'kind' | 'secret'>,
  scope?: string,
  offline = false,
): Promise<Granted> {
  const asked = new URLSearchParams({
    ...(service === undefined ? {} : { service }),
    ...(scope === undefined ? {} : { scope }),
    client_id: clientId,
  });
  const url = new URL(realm);
  let answer: Answer;
  if (kind === 'refresh') {
    asked.set('grant_type', 'refresh_token');
    asked.set('refresh_token', secret);
    answer = await ask(url, { method: 'POST', body: asked });
  } else {
    asked.set('account', username);
    if (offline) asked.set('offline_token', 'true');
    for (const [name, value] of asked) url.searchParams.append(name, value);
    const basic = Buffer.from(`${username}:${secret}`, 'utf8').toString('base64');
    answer = await ask(url, { headers: { Authorization: `Basic ${basic}` } });
  }
  if (answer.status !== 200) throw refusal(answer, address);
  const body = asRecord(jsonOf(answer, address));
  const token = asText(body['access_token']) ?? asText(body['token']);
  if (token === undefined || !isHeaderSafe(token)) {
    throw new Failure(`${address.host} answered without a token`);
  }
  return { token, refreshToken: asText(body['refresh_token']) };
}

/**
 * Revokes a refresh token (RFC 7009).
 * @throws Failure when the registry does not confirm it
 */
export async function revokeToken(address: Address, token: string): Promise<void> {
  const answer = await ask(new URL('/v2/token/revoke', address.origin), {
    method: 'POST',
    body: new URLSearchParams({ token, token_type_hint: 'refresh_token', client_id: clientId }),
  });
  if (answer.status !== 200) throw refusal(answer, address);
}

/** A {@link Failure} of who has no login where one is needed. */
function notLoggedIn({ host }: Address): Failure {
  return new Failure(`not logged in to ${host}: berth login ${host}`, exitCodes.noRight);
}

function challengeOf(answer: Answer, address: Address): Challenge {
  const challenge = parseChallenge(answer.headers.get('WWW-Authenticate'));
  if (challenge === undefined) throw refusal(answer, address);
  const realm = URL.canParse(challenge.realm) ? new URL(challenge.realm) : undefined;
  const { host, protocol } = new URL(address.origin);
  const isSafe = realm?.protocol === 'https:' || realm?.protocol === protocol;
  if (realm === undefined || realm.host !== host || realm.username !== '' || !isSafe) {
    throw new Failure(
      `${address.host} sends credentials to ${shown(challenge.realm, 100)}: they only go to ${address.origin}`,
    );
  }
  return challenge;
}

/** What may stand in a header, and is no longer than one. */
function isHeaderSafe(token: string): boolean {
  return token.length <= tokenCharactersMax && /^[\x21-\x7e]+$/.test(token);
}

function jsonOf({ text }: Answer, { host }: Address): unknown {
  if (text.trim() === '') return undefined;
  const json = parseJson(text);
  if (json === undefined) throw new Failure(`${host} answered with what is no JSON`);
  return json;
}

/** The next page of a list, on the same registry (RFC 8288). */
function nextPage(link: string | undefined, { host, origin }: Address, current: string) {
  const [, target] = /^<([^<>]{1,8192})>;\s*rel="?next"?/i.exec(link ?? '') ?? [];
  if (target === undefined) return undefined;
  const base = new URL(current, origin);
  const url = URL.canParse(target, base.href) ? new URL(target, base) : undefined;
  if (url === undefined || url.origin !== base.origin) {
    throw new Failure(`${host} leads to a next page that is elsewhere`);
  }
  return `${url.pathname}${url.search}`;
}

/** The registry's reason, as a line that also says what to do, and by which id it is found in the registry's log. */
function refusal({ status, text, headers }: Answer, { host }: Address): Failure {
  const error = asRecord(asList(asRecord(parseJson(text))['errors'])[0]);
  const reason = asText(error['message']);
  const id = asText(asRecord(error['detail'])['requestId']) ?? headers.get('X-Request-Id');
  const request = id === undefined ? '' : ` (request ${shown(id, 100)})`;
  const said = reason === undefined ? `${host} answered ${status}` : shown(reason);
  const wait = headers.get('Retry-After');
  const advice =
    status === 401
      ? `; log in again: berth login ${host}`
      : status === 429 && wait !== undefined
        ? `; wait ${shown(wait, 40)} seconds`
        : '';
  return new Failure(`${said}${advice}${request}`, exitCodeOf(status));
}

function exitCodeOf(status: number): number {
  if (status === 401 || status === 403) return exitCodes.noRight;
  if (status === 404) return exitCodes.notThere;
  if (status === 409 || status === 412) return exitCodes.changed;
  return exitCodes.failed;
}
