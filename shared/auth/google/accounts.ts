// How Google names its accounts.

import type { GooglePrincipal } from '../principal.ts';

const emailCharactersMax = 254;

/**
 * `NAME@PROJECT.iam.gserviceaccount.com` and its older kin (`NUMBER-compute@developer…`, `PROJECT@appspot…`; a project of a
 * domain has dots on either side). It becomes part of a URL, so there is nothing in it that means anything there.
 */
const serviceAccountPattern =
  /^[a-z0-9](?:[a-z0-9.-]{0,98}[a-z0-9])?@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}gserviceaccount\.com$/;

/** Whether a text, in lower case, is the email of a service account. */
export function isServiceAccount(email: string): boolean {
  return email.length <= emailCharactersMax && serviceAccountPattern.test(email);
}

/** The email as bindings have it; `undefined` when it is none. */
export function parseEmail(text: string | undefined): string | undefined {
  if (text === undefined || text.length > emailCharactersMax) return undefined;
  return /^[\x21-\x3f\x41-\x7e]+@[A-Za-z0-9.-]+$/.test(text) ? text.toLowerCase() : undefined;
}

/** Google's number for an account; `undefined` when it is none. */
export function parseAccountId(text: string | undefined): string | undefined {
  return text !== undefined && /^[0-9]{1,40}$/.test(text) ? text : undefined;
}

/** The principal of an email that was verified. */
export function principalOfEmail(email: string, id?: string): GooglePrincipal {
  return {
    kind: 'google',
    type: isServiceAccount(email) ? 'serviceAccount' : 'user',
    email,
    ...(id !== undefined && { id }),
  };
}
