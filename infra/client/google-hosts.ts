// Where Google's credentials are sent, and nowhere else, whatever a file says.

import { isThisMachine } from './address.ts';
import { type Environment, variable } from './environment.ts';
import { Failure } from './failure.ts';
import { type Answer, type Asked, ask } from './http.ts';
import { asRecord, asText, parseJson } from './json-values.ts';
import { shown } from './printable.ts';

/** Pull and push, in what was Container Registry's scope; and whose token it is. */
export const storageScope = 'https://www.googleapis.com/auth/devstorage.read_write';
export const emailScope = 'https://www.googleapis.com/auth/userinfo.email';
export const platformScope = 'https://www.googleapis.com/auth/cloud-platform';
export const pubsubScope = 'https://www.googleapis.com/auth/pubsub';

export const tokenUrl = 'https://oauth2.googleapis.com/token';
export const exchangeUrl = 'https://sts.googleapis.com/v1/token';
/** The account's email address follows, then the method. */
export const accountsUrl = 'https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/';
/** The name of a topic or a subscription follows. */
export const pubsubUrl = 'https://pubsub.googleapis.com/v1/';

/**
 * Asks one of Google's servers.
 * @throws Failure with Google's reason, when the answer is not 200
 */
export async function askGoogle(
  environment: Environment,
  url: string,
  asked: Asked,
): Promise<Readonly<Record<string, unknown>>> {
  const answer = await answerOfGoogle(environment, url, asked);
  if (answer.status !== 200) throw new Failure(`${new URL(url).host} refused: ${refusal(answer)}`);
  return asRecord(parseJson(answer.text));
}

/** The same, with whatever one of Google's servers answers. @throws Failure when it does not */
export function answerOfGoogle(
  environment: Environment,
  url: string,
  asked: Asked,
): Promise<Answer> {
  const { host, pathname, search } = new URL(url);
  const at = new URL(`${pathname}${search}`, testOrigin(environment) ?? `https://${host}`);
  return ask(at, { timeoutMs: 20_000, ...asked });
}

/** For tests only: a server on this machine that stands in for all of Google's. */
function testOrigin(environment: Environment): string | undefined {
  const text = variable(environment, 'BERTH_GOOGLE_STAND_IN');
  if (text === undefined) return undefined;
  const url = new URL(text);
  if (url.protocol !== 'http:' || !isThisMachine(url.host)) {
    throw new Failure('BERTH_GOOGLE_STAND_IN is for tests, and must be http on this machine');
  }
  return url.origin;
}

/** Google's reason, for a person. */
export function refusal({ status, text }: Answer): string {
  const answer = asRecord(parseJson(text));
  const inner = asRecord(answer['error']);
  const reason =
    asText(answer['error_description']) ?? asText(inner['message']) ?? asText(answer['error']);
  return reason === undefined ? `it answered ${status}` : shown(reason, 200);
}
