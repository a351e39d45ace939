// How calls to Cloud Storage fail, whichever part of the SDK tells of it.

/** Too many requests, a time-out, or trouble on the service's side: the same request may succeed later. */
const passingStatuses: readonly unknown[] = [408, 429, 500, 502, 503, 504];

/** What errors are called that lie between the service and us. */
const brokenConnection =
  /^(ECONN|EPIPE|EPROTO|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|ENET|EHOST|ERR_STREAM_PREMATURE_CLOSE|HPE_)/;

export class StorageFailure extends Error {
  override readonly name = 'StorageFailure';
  /** The answer's HTTP status; `undefined` when there was no answer. */
  readonly status: number | undefined;
  /** Whether trying again may help. */
  readonly isPassing: boolean;

  constructor(
    message: string,
    options: { readonly status?: number; readonly isPassing?: boolean },
  ) {
    super(message);
    this.status = options.status;
    this.isPassing = options.isPassing ?? passingStatuses.includes(options.status);
  }
}

export function isPassing(error: unknown): boolean {
  return error instanceof StorageFailure && error.isPassing;
}

/** Whether the service answered with that status. */
export function hasStatus(error: unknown, ...statuses: readonly number[]): boolean {
  return (
    error instanceof StorageFailure && error.status !== undefined && statuses.includes(error.status)
  );
}

/**
 * What the SDK threw, as a failure of ours. Nothing of the original is kept but its status, code and message: it
 * holds the request with its Authorization header, and its message may have the URL of an upload session, which is as
 * good as a password. Neither may get into a log.
 */
export function failureOf(error: unknown): StorageFailure {
  if (error instanceof StorageFailure) return error;
  const { status, code, message } = error as {
    status?: unknown;
    code?: unknown;
    message?: unknown;
  };
  const told = String(message).replace(/\?\S*/g, '?…');
  const answered = [status, code].find((value) => typeof value === 'number');
  if (answered !== undefined) {
    return new StorageFailure(`Cloud Storage answered ${answered}: ${told}`, { status: answered });
  }
  const isPassing = typeof code === 'string' && brokenConnection.test(code);
  if (isPassing) return new StorageFailure(`no answer from Cloud Storage: ${code}`, { isPassing });
  return new StorageFailure(`Cloud Storage cannot be called: ${told}`, {});
}
