// What Google answers, in its words.

import type { Json } from './jwt.ts';

export interface Answer {
  readonly status: number;
  readonly body: Json | string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error of an OAuth endpoint (RFC 6749, section 5.2). */
export function oauthError(error: string, description: string): Answer {
  return { status: 400, body: { error, error_description: description } };
}

/** An error of the Cloud Storage JSON API. */
export function storageError(status: number, reason: string, message: string): Answer {
  const isAuthorization = status === 401;
  const detail = {
    message,
    domain: 'global',
    reason,
    ...(isAuthorization && { locationType: 'header', location: 'Authorization' }),
  };
  return {
    status,
    body: { error: { code: status, message, errors: [detail] } },
    ...(isAuthorization && {
      headers: { 'www-authenticate': 'Bearer realm="https://accounts.google.com/"' },
    }),
  };
}

/** What no API answers is Google's page of the robot. */
export function noSuchPage(status: number): Answer {
  return {
    status,
    headers: { 'content-type': 'text/html; charset=UTF-8' },
    body: `<!DOCTYPE html>\n<html lang=en>\n<title>Error ${status}!!1</title>\n<p><b>${status}.</b> <ins>That’s an error.</ins>\n`,
  };
}
