// Application Default Credentials: an access token of Google's, from the first of these that is there.
//
//   1. the file that GOOGLE_APPLICATION_CREDENTIALS names
//   2. the file that `gcloud auth application-default login` writes
//   3. the metadata server

import { createPrivateKey, sign } from 'node:crypto';
import { join } from 'node:path';
import { type Environment, gcloudDirectory, variable } from './environment.ts';
import { Failure } from './failure.ts';
import {
  accountsUrl,
  askGoogle,
  emailScope,
  exchangeUrl,
  platformScope,
  storageScope,
  tokenUrl,
} from './google-hosts.ts';
import { askMetadataProject, askMetadataServer } from './google-metadata.ts';
import { readSubjectToken } from './google-subject.ts';
import { asList, asRecord, asText, isRecord, parseJson } from './json-values.ts';
import { shown } from './printable.ts';
import { readSmallFile } from './private-file.ts';

type Values = Readonly<Record<string, unknown>>;
/** The first is what a token is for; the others may be left out. */
type Scopes = readonly [string, ...string[]];

const fileBytesMax = 256 * 1024;
const accessTokenCharactersMax = 16 * 1024;
/** What is over sooner is not handed out. */
const secondsLeftMin = 10;
const jwtSeconds = 3600;

/**
 * An access token, or a service account's own JWT that says what it is for.
 * @param scopes what it is to be for, where the kind of credentials lets one say so: a registry, when left out
 * @returns `undefined` where there are no such credentials
 * @throws Failure where there are, and they are not good
 */
export async function findGoogleToken(
  environment: Environment,
  scopes: Scopes = [storageScope, emailScope],
): Promise<string | undefined> {
  const found = await readCredentials(environment);
  if (found !== undefined) return tokenOf(environment, found.file, found.path, scopes);
  const answer = await askMetadataServer(environment);
  return answer === undefined ? undefined : accessTokenOf(answer, 'the metadata server');
}

/** The project that the same credentials belong to, where they say it. */
export async function findGoogleProject(environment: Environment): Promise<string | undefined> {
  const named = variable(environment, 'GOOGLE_CLOUD_PROJECT');
  if (named !== undefined) return named;
  const found = await readCredentials(environment);
  if (found === undefined) return askMetadataProject(environment);
  const { file } = found;
  return asText(file['project_id']) ?? asText(file['quota_project_id']);
}

/** The file that holds them; `undefined` where the metadata server is to be asked. @throws Failure when it is none */
async function readCredentials(
  environment: Environment,
): Promise<{ readonly file: Values; readonly path: string } | undefined> {
  const named = variable(environment, 'GOOGLE_APPLICATION_CREDENTIALS');
  const path = named ?? join(gcloudDirectory(environment), 'application_default_credentials.json');
  const text = await readSmallFile(path, fileBytesMax);
  if (text !== undefined) {
    const file = parseJson(text);
    if (!isRecord(file)) throw new Failure(`${path} is no JSON object`);
    return { file, path };
  }
  if (named === undefined) return undefined;
  throw new Failure(`${named} is not there: GOOGLE_APPLICATION_CREDENTIALS names it`);
}

/** @param scopes what the token is to be for, where the kind of credentials lets one say so */
async function tokenOf(
  environment: Environment,
  file: Values,
  path: string,
  scopes: Scopes,
): Promise<string> {
  const universe = asText(file['universe_domain']) ?? 'googleapis.com';
  if (universe !== 'googleapis.com') {
    throw new Failure(`${path} is for ${shown(universe, 100)}: only googleapis.com is known`);
  }
  const { type } = file;
  if (type === 'service_account') return selfSigned(file, path, scopes[0]);
  if (type === 'authorized_user') return refreshed(environment, file, path);
  if (type === 'external_account') return exchanged(environment, file, path, scopes);
  if (type === 'impersonated_service_account') {
    const source = asRecord(file['source_credentials']);
    if (source['type'] === type) throw new Failure(`${path} impersonates twice`);
    const url = needed(file, 'service_account_impersonation_url', path);
    // A service account's own JWT cannot be asked to impersonate: its scope would have to be another.
    const token =
      source['type'] === 'service_account'
        ? selfSigned(source, path, platformScope)
        : await tokenOf(environment, source, path, [platformScope]);
    return impersonated(environment, url, token, scopes, asList(file['delegates']));
  }
  throw new Failure(
    `${path} holds credentials of type ${shown(String(type), 50)}, which are not known`,
  );
}

/** A JWT that the account signs itself, and that counts as an access token (google.aip.dev/auth/4111). */
function selfSigned(file: Values, path: string, scope: string): string {
  const email = needed(file, 'client_email', path);
  const issued = Math.floor(Date.now() / 1000);
  const header = { alg: 'RS256', typ: 'JWT', kid: needed(file, 'private_key_id', path) };
  const claims = { iss: email, sub: email, scope, iat: issued, exp: issued + jwtSeconds };
  const signed = [header, claims].map(encode).join('.');
  try {
    const key = createPrivateKey(needed(file, 'private_key', path));
    if (key.asymmetricKeyType !== 'rsa') throw new Error('no RSA key');
    return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
  } catch {
    throw new Failure(`private_key in ${path} is no RSA key`);
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

async function refreshed(environment: Environment, file: Values, path: string): Promise<string> {
  const answer = await askGoogle(environment, tokenUrl, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: needed(file, 'client_id', path),
      client_secret: needed(file, 'client_secret', path),
      refresh_token: needed(file, 'refresh_token', path),
    }),
  });
  return accessTokenOf(answer, tokenUrl);
}

/** Workload and workforce identity federation (RFC 8693): another's token for one of Google's. */
async function exchanged(
  environment: Environment,
  file: Values,
  path: string,
  scopes: readonly string[],
): Promise<string> {
  const url = asText(file['token_url']) ?? exchangeUrl;
  if (url !== exchangeUrl) throw new Failure(`token_url in ${path} must be ${exchangeUrl}`);
  const impersonation = asText(file['service_account_impersonation_url']);
  if (impersonation !== undefined) checkImpersonation(impersonation);
  const [id, secret] = [asText(file['client_id']), asText(file['client_secret'])];
  const answer = await askGoogle(environment, exchangeUrl, {
    method: 'POST',
    headers:
      id === undefined
        ? {}
        : { Authorization: `Basic ${Buffer.from(`${id}:${secret ?? ''}`).toString('base64')}` },
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      audience: needed(file, 'audience', path),
      scope: impersonation === undefined ? scopes.join(' ') : platformScope,
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      subject_token: await readSubjectToken(asRecord(file['credential_source']), path),
      subject_token_type: needed(file, 'subject_token_type', path),
    }),
  });
  const token = accessTokenOf(answer, exchangeUrl);
  return impersonation === undefined
    ? token
    : impersonated(environment, impersonation, token, scopes, []);
}

async function impersonated(
  environment: Environment,
  url: string,
  token: string,
  scope: readonly string[],
  delegates: readonly unknown[],
): Promise<string> {
  checkImpersonation(url);
  const answer = await askGoogle(environment, url, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ scope, delegates, lifetime: `${jwtSeconds}s` }),
  });
  return accessTokenOf(
    { access_token: answer['accessToken'], expires_in: secondsUntil(answer['expireTime']) },
    accountsUrl,
  );
}

function checkImpersonation(url: string): void {
  const rest = url.startsWith(accountsUrl) ? url.slice(accountsUrl.length) : '';
  if (!/^[A-Za-z0-9.@_-]+:generateAccessToken$/.test(rest)) {
    throw new Failure(
      `service_account_impersonation_url must be ${accountsUrl}EMAIL:generateAccessToken`,
    );
  }
}

function secondsUntil(time: unknown): number | undefined {
  const at = Date.parse(String(time));
  return Number.isNaN(at) ? undefined : (at - Date.now()) / 1000;
}

/** The token in an OAuth answer, with some time left. */
function accessTokenOf(answer: Values, from: string): string {
  const token = asText(answer['access_token']);
  const type = asText(answer['token_type']) ?? 'Bearer';
  const seconds = answer['expires_in'];
  if (
    token === undefined ||
    token.length > accessTokenCharactersMax ||
    // What may stand in a header.
    !/^[\x21-\x7e]+$/.test(token) ||
    type.toLowerCase() !== 'bearer'
  ) {
    throw new Failure(`${from} answered without an access token`);
  }
  if (typeof seconds === 'number' && seconds < secondsLeftMin) {
    throw new Failure(`${from} answered with a token that is about to expire: try again`);
  }
  return token;
}

function needed(file: Values, name: string, path: string): string {
  const value = asText(file[name]);
  if (value === undefined) throw new Failure(`${path} has no ${name}`);
  return value;
}
