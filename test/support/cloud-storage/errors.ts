// How Cloud Storage says no: JSON from the JSON API, XML from signed URLs, and now and then bare text.

import type { Answer } from './exchange.ts';

/** A refusal of the JSON API, in its form: `{error: {code, message, errors: [{domain, reason, message}]}}`. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly status: number;
  readonly answer: Answer;

  /** @param reason of the reference's list "HTTP status and error codes for JSON" */
  constructor(status: number, reason: string, message: string, answer?: Answer) {
    super(message);
    this.status = status;
    const errors = [{ domain: 'global', reason, message }];
    this.answer = answer ?? {
      status,
      headers: { 'content-type': 'application/json; charset=UTF-8' },
      // A 304 has no body.
      body: status === 304 ? '' : JSON.stringify({ error: { code: status, message, errors } }),
    };
  }
}

/** A refusal by the upload server in front of the API, which says some things as bare text. */
export function uploadRefused(status: number, message: string): StorageError {
  const headers = { 'content-type': 'text/plain; charset=utf-8' };
  return new StorageError(status, 'invalid', message, { status, headers, body: message });
}

/** A refusal of the XML API, which signed URLs speak. */
export function xmlRefused(
  status: number,
  code: string,
  message: string,
  details = '',
): StorageError {
  const parts = `<Code>${code}</Code><Message>${message}</Message>`;
  const told = details === '' ? '' : `<Details>${details}</Details>`;
  return new StorageError(status, code, message, {
    status,
    headers: { 'content-type': 'application/xml; charset=UTF-8' },
    body: `<?xml version='1.0' encoding='UTF-8'?><Error>${parts}${told}</Error>`,
  });
}

export function invalid(message: string): StorageError {
  return new StorageError(400, 'invalid', message);
}

/** "The user is not authorized to make the request": nor told whether it is there. */
export function forbidden(permission: string, what: string): StorageError {
  return new StorageError(
    403,
    'forbidden',
    `the caller does not have ${permission} access to the ${what}. Permission '${permission}' denied on resource (or it may not exist).`,
  );
}

export function notFound(message: string): StorageError {
  return new StorageError(404, 'notFound', message);
}
