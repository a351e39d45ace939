// The forms that are posted to the token endpoint (RFC 6749 appendix B).

import { RegistryError } from '#shared/oci/errors.ts';
import { formBytesMax } from '#shared/oci/limits.ts';
import { parseContentType } from '#shared/oci/media-types.ts';
import type { ActionRequest } from '../action.ts';

/** @throws RegistryError UNSUPPORTED (400) when the body is no form */
export async function readForm({ headers, body }: ActionRequest): Promise<URLSearchParams> {
  const contentType = parseContentType(headers['content-type']);
  if (contentType !== undefined && contentType !== 'application/x-www-form-urlencoded') {
    throw badForm('the body must be a form (application/x-www-form-urlencoded)');
  }
  return new URLSearchParams((await body.bytes(formBytesMax)).toString('utf8'));
}

/** 400: the form lacks what it needs. */
export function badForm(message: string): RegistryError {
  return new RegistryError('UNSUPPORTED', { message, status: 400 });
}
