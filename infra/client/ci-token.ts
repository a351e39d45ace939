// A CI job's ID token: who it is, as its CI system says and signs.

import type { Address } from './address.ts';
import { isThisMachine } from './address.ts';
import { type Environment, variable } from './environment.ts';
import { Failure, wrongUsage } from './failure.ts';
import { ask } from './http.ts';
import { readSecret } from './input.ts';
import { asRecord, asText, parseJson } from './json-values.ts';
import { shown } from './printable.ts';
import { readSmallFile } from './private-file.ts';

const tokenBytesMax = 64 * 1024;

export interface IdToken {
  readonly token: string;
  /** When it is over, as it says itself. */
  readonly expiresAt: Date;
}

/**
 * Reads a job's ID token: from a file, standard input (`-`), GitLab's BERTH_ID_TOKEN, or GitHub, which makes one.
 * @param audience for the token that GitHub makes; the registry's address when left out
 */
export async function readIdToken(
  from: string | undefined,
  address: Address,
  audience: string | undefined,
  environment: Environment,
): Promise<IdToken> {
  const token = await tokenFrom(from, audience ?? `https://${address.host}`, environment);
  const { exp } = asRecord(
    parseJson(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()),
  );
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) || typeof exp !== 'number') {
    throw new Failure('that is no ID token: a JSON web token with an expiry is expected');
  }
  const expiresAt = new Date(exp * 1000);
  if (Number.isNaN(expiresAt.getTime()) || expiresAt.getTime() <= Date.now()) {
    throw new Failure('the ID token has expired: get another');
  }
  return { token, expiresAt };
}

async function tokenFrom(
  from: string | undefined,
  audience: string,
  environment: Environment,
): Promise<string> {
  if (from === '-') return (await readSecret(process.stdin)).trim();
  if (from !== undefined) {
    const text = await readSmallFile(from, tokenBytesMax);
    if (text !== undefined) return text.trim();
    throw wrongUsage(`there is no file ${shown(from, 100)} with a token; HOST comes before --oidc`);
  }
  const given = variable(environment, 'BERTH_ID_TOKEN');
  if (given !== undefined) return given.trim();
  const url = variable(environment, 'ACTIONS_ID_TOKEN_REQUEST_URL');
  const secret = variable(environment, 'ACTIONS_ID_TOKEN_REQUEST_TOKEN');
  if (url !== undefined && secret !== undefined) return fromGitHub(url, secret, audience);
  throw wrongUsage(
    'no ID token: give its file to --oidc; in GitLab have id_tokens set BERTH_ID_TOKEN; in GitHub give the job permissions: id-token: write',
  );
}

async function fromGitHub(text: string, secret: string, audience: string): Promise<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !(url.protocol === 'https:' || isThisMachine(url.host))) {
    throw new Failure('ACTIONS_ID_TOKEN_REQUEST_URL must be https');
  }
  url.searchParams.set('audience', audience);
  const answer = await ask(url, {
    headers: { Authorization: `Bearer ${secret}` },
    bytesMax: tokenBytesMax,
  });
  const token = asText(asRecord(parseJson(answer.text))['value']);
  if (answer.status === 200 && token !== undefined) return token;
  throw new Failure(`${url.host} answered ${answer.status}, and no ID token`);
}
