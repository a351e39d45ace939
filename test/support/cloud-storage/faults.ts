// Faults on demand: what the network and a busy service do to a client, done to the requests that a test names.

/** Which requests, by all that is given, and what happens to them. */
export interface Fault {
  /** As the request log has it: `uploads.put`. */
  readonly operation?: string;
  readonly method?: string;
  /** What the path, percent-encoded, contains. */
  readonly path?: string;
  /** How many that fit are let pass first. */
  readonly skip?: number;
  /** How many are then hit; 1 when left out. */
  readonly times?: number;

  /** Answered at once and not carried out: 429, 500, 503 and so on. */
  readonly status?: number;
  readonly retryAfterSeconds?: number;
  /** The connection breaks when so many bytes of the body have come; with 0, before anything is done. */
  readonly breakRequestAfterBytes?: number;
  /** The connection breaks when so many bytes of the answer's body were sent. */
  readonly breakResponseAfterBytes?: number;
  /** Carried out, and the connection breaks in place of an answer. */
  readonly loseAnswer?: true;
  /** Carried out, and answered so much later. */
  readonly delayMs?: number;
  /** Carried out, and answered when the promise resolves. */
  readonly answerAfter?: Promise<unknown>;
}

export class Faults {
  #planned: { readonly fault: Fault; skip: number; times: number }[] = [];

  plan(fault: Fault): void {
    this.#planned.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 });
  }

  /** What happens to this request: the first fault planned that fits. */
  take(request: { operation: string; method: string; path: string }): Fault | undefined {
    for (const planned of this.#planned) {
      if (!fits(planned.fault, request)) continue;
      if (planned.skip > 0) {
        planned.skip -= 1;
        continue;
      }
      planned.times -= 1;
      if (planned.times === 0) this.#planned = this.#planned.filter((one) => one !== planned);
      return planned.fault;
    }
    return undefined;
  }

  clear(): void {
    this.#planned = [];
  }
}

function fits(
  { operation, method, path }: Fault,
  request: { operation: string; method: string; path: string },
): boolean {
  return (
    (operation ?? request.operation) === request.operation &&
    (method ?? request.method) === request.method &&
    request.path.includes(path ?? '')
  );
}
