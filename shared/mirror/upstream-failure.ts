// An upstream did not answer, or not with what it should: no fault of who asked, and nothing of ours.

export class UpstreamFailure extends Error {
  override readonly name = 'UpstreamFailure';
  /** It has to be left in peace for so long (429, or the budget is spent). */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    message: string,
    options: { readonly cause?: unknown; readonly retryAfterSeconds?: number } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** What went wrong, as an upstream's failure. */
export function failureOf(error: unknown): UpstreamFailure {
  if (error instanceof UpstreamFailure) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new UpstreamFailure(why.slice(0, 500), { cause: error });
}
