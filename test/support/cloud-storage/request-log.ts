// What was asked of the stand-in, so that tests can tell how many requests an action took.

export interface LoggedRequest {
  /** As routes.ts names it: `objects.insert`, `uploads.put`. */
  readonly operation: string;
  readonly method: string;
  /** Percent-encoded, without the query. */
  readonly path: string;
  /** What it was answered, or was to be; 0 while it runs, and when it broke off. */
  status: number;
}

/** How many requests are remembered one by one. */
const rememberedMax = 1000;

export class RequestLog {
  readonly requests: LoggedRequest[] = [];
  #counts = new Map<string, number>();

  add(request: Omit<LoggedRequest, 'status'>): LoggedRequest {
    const logged = { ...request, status: 0 };
    this.requests.push(logged);
    if (this.requests.length > rememberedMax) this.requests.shift();
    this.#counts.set(request.operation, (this.#counts.get(request.operation) ?? 0) + 1);
    return logged;
  }

  counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  reset(): void {
    this.requests.length = 0;
    this.#counts = new Map();
  }
}
