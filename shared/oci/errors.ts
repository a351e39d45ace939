// The specification's error codes, and the one error type that everything a client can cause is thrown as.
// Distribution specification, "Error Codes": the `code` field MUST be one of these.

/** Code → the status it is answered with when nothing says otherwise, and what it means. */
export const errorCodes = {
  BLOB_UNKNOWN: { status: 404, meaning: 'blob unknown to repository' },
  BLOB_UPLOAD_INVALID: { status: 400, meaning: 'blob upload invalid' },
  BLOB_UPLOAD_UNKNOWN: { status: 404, meaning: 'blob upload unknown to registry' },
  DIGEST_INVALID: { status: 400, meaning: 'provided digest did not match uploaded content' },
  MANIFEST_BLOB_UNKNOWN: {
    status: 404,
    meaning: 'manifest references a manifest or blob unknown to registry',
  },
  MANIFEST_INVALID: { status: 400, meaning: 'manifest invalid' },
  MANIFEST_UNKNOWN: { status: 404, meaning: 'manifest unknown to registry' },
  NAME_INVALID: { status: 400, meaning: 'invalid repository name' },
  NAME_UNKNOWN: { status: 404, meaning: 'repository name not known to registry' },
  SIZE_INVALID: { status: 400, meaning: 'provided length did not match content length' },
  UNAUTHORIZED: { status: 401, meaning: 'authentication required' },
  DENIED: { status: 403, meaning: 'requested access to the resource is denied' },
  UNSUPPORTED: { status: 405, meaning: 'the operation is unsupported' },
  TOOMANYREQUESTS: { status: 429, meaning: 'too many requests' },
} as const satisfies Record<string, { status: number; meaning: string }>;

/**
 * gcr.io's own, for deleting in projects that delete by its rules, and for nothing else: the specification's codes are the
 * 14 above, so these are answered where somebody chose them.
 */
export const gcrErrorCodes = {
  GOOGLE_MANIFEST_DANGLING_TAG: { status: 400, meaning: 'manifest is still referenced by a tag' },
  GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE: {
    status: 400,
    meaning: 'manifest is still referenced by an image',
  },
  GOOGLE_MANIFEST_REFERRING_MANIFEST: {
    status: 400,
    meaning: 'manifest is still referred to by another',
  },
} as const satisfies Record<string, { status: number; meaning: string }>;

const allCodes = { ...errorCodes, ...gcrErrorCodes };

export type ErrorCode = keyof typeof allCodes;

export interface RegistryErrorOptions {
  /** What happened and what to do about it, for a person. The code's own meaning when left out. */
  readonly message?: string;
  /** Facts for a program. Never secrets. */
  readonly detail?: unknown;
  /** The HTTP status, where it is not the code's own (416, 413, 415). */
  readonly status?: number;
  /** Headers of the answer (`Range`, `Location`, `Allow`, `WWW-Authenticate`). */
  readonly headers?: Readonly<Record<string, string>>;
  /** More than one error of the same code, each with its own detail. */
  readonly each?: readonly { readonly message: string; readonly detail: unknown }[];
}

/** What a client can cause and is told. Everything else that is thrown is a 500. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly code: ErrorCode;
  readonly detail: unknown;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly each: readonly { readonly message: string; readonly detail: unknown }[] | undefined;

  constructor(code: ErrorCode, options: RegistryErrorOptions = {}) {
    super(options.message ?? allCodes[code].meaning);
    this.code = code;
    this.detail = options.detail;
    this.status = options.status ?? allCodes[code].status;
    this.headers = options.headers ?? {};
    this.each = options.each;
  }
}

/** The body of an error answer: `{"errors":[{"code","message","detail"}]}`, the request's id in the detail. */
export function errorEnvelope(error: RegistryError, requestId: string): string {
  const each = error.each ?? [{ message: error.message, detail: error.detail }];
  const errors = each.map(({ message, detail }) => ({
    code: error.code,
    message,
    detail: {
      ...(isRecord(detail) ? detail : detail === undefined ? {} : { about: detail }),
      requestId,
    },
  }));
  return JSON.stringify({ errors });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
