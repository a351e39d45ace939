// Who pushes. A push subscription with `--push-auth-service-account` has Pub/Sub send, as a bearer token, an ID token that
// Google signed for that account. Anybody can have such a token of an account of their own, and for another audience: so
// all of it is checked.
// https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions

import { createRemoteJWKSet, jwtVerify } from 'jose';

const googleKeys = 'https://www.googleapis.com/oauth2/v3/certs';
const issuers = ['https://accounts.google.com', 'accounts.google.com'];

/** Whether an Authorization header is of the account that pushes. */
export type VerifyPush = (authorization: string | undefined) => Promise<boolean>;

/**
 * @param options.audience what `--push-auth-token-audience` says: the endpoint's own address, where nothing was said
 * @param options.serviceAccount its email address
 * @param options.keysUrl Google's, when left out; they are fetched when they are needed, and kept
 */
export function pushTokens(options: {
  readonly audience: string;
  readonly serviceAccount: string;
  readonly keysUrl?: string | undefined;
}): VerifyPush {
  const { audience, serviceAccount, keysUrl = googleKeys } = options;
  const keys = createRemoteJWKSet(new URL(keysUrl));
  return async (authorization = '') => {
    const [, token] = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization) ?? [];
    if (token === undefined) return false;
    const rules = { issuer: issuers, audience, algorithms: ['RS256'], requiredClaims: ['exp'] };
    try {
      const { payload } = await jwtVerify(token, keys, rules);
      return payload['email'] === serviceAccount && payload['email_verified'] === true;
    } catch {
      // Also where Google's keys cannot be had: the message comes again.
      return false;
    }
  };
}
