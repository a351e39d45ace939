// Questions to Google's endpoints. Whatever is not an answer of theirs is `GoogleSilent`, and grants nothing.

import { googleAnswerBytesMax, googleAnswerMs } from '../../oci/limits.ts';
import { textAtMost } from '../../ports/text-at-most.ts';

const hosts = {
  oauth2: 'https://oauth2.googleapis.com',
  www: 'https://www.googleapis.com',
  storage: 'https://storage.googleapis.com',
} as const;

export type GoogleHost = keyof typeof hosts;

export interface GoogleAnswer {
  /** Never 429 or 5xx: those are no answer. */
  readonly status: number;
  /** The JSON; `undefined` when a refusal came without. */
  readonly body: unknown;
  /** For how long the answer may be kept, by its headers; `undefined` when they do not say. */
  readonly freshSeconds: number | undefined;
}

export interface Google {
  /**
   * Asks once, and once more when the connection failed or the answer was a 5xx.
   * @param path with its query, made of nothing that was not checked
   * @param options.bearer what goes into `Authorization`, in the letters of RFC 6750's `b64token`
   * @throws GoogleSilent
   */
  ask(
    host: GoogleHost,
    path: string,
    options?: { readonly method?: 'GET' | 'POST'; readonly bearer?: string | undefined },
  ): Promise<GoogleAnswer>;
  /** What to throw when an answer makes no sense. The log is told why. */
  silence(host: GoogleHost, reason: string): GoogleSilent;
}

/** A line of the log: shared/log.ts. */
export type GoogleLog = (
  severity: 'WARNING',
  message: string,
  fields: Record<string, unknown>,
) => void;

/** Google did not answer, or what answered is not Google. The message says why, and nothing of what was asked. */
export class GoogleSilent extends Error {
  readonly again: boolean;

  constructor(reason: string, { again = false }: { again?: boolean } = {}) {
    super(reason);
    this.again = again;
  }
}

/**
 * @param options.endpoint stands for all of Google's hosts, for tests
 * @param options.patienceMs how long one answer may take
 */
export function openGoogle({
  endpoint,
  patienceMs = googleAnswerMs,
  log,
}: {
  readonly endpoint?: string | undefined;
  readonly patienceMs?: number | undefined;
  readonly log?: GoogleLog | undefined;
}): Google {
  const base = endpoint?.replace(/\/$/, '');
  const silence = (host: GoogleHost, reason: string) => {
    log?.('WARNING', 'Google did not answer', { host: hosts[host], reason });
    return new GoogleSilent(reason);
  };
  return {
    ask: async (host, path, options = {}) => {
      const attempt = () => askOnce(`${base ?? hosts[host]}${path}`, options, patienceMs);
      try {
        return await attempt().catch((error) => {
          if (error instanceof GoogleSilent && error.again) return attempt();
          throw error;
        });
      } catch (error) {
        throw error instanceof GoogleSilent ? silence(host, error.message) : error;
      }
    },
    silence,
  };
}

async function askOnce(
  url: string,
  { method = 'GET', bearer }: { readonly method?: string; readonly bearer?: string | undefined },
  patienceMs: number,
): Promise<GoogleAnswer> {
  const signal = AbortSignal.timeout(patienceMs);
  const headers: Record<string, string> = { accept: 'application/json' };
  if (bearer !== undefined) headers['authorization'] = `Bearer ${bearer}`;
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { method, headers, redirect: 'error', signal });
    text = await textAtMost(
      response.body ?? [],
      googleAnswerBytesMax,
      () => new GoogleSilent('answer too large'),
    );
  } catch (error) {
    if (error instanceof GoogleSilent) throw error;
    // What fetch says is not repeated: it may quote a header.
    if (signal.aborted) throw new GoogleSilent('took too long');
    throw new GoogleSilent('no connection, or it broke off', { again: true });
  }
  const { status } = response;
  if (status >= 500) throw new GoogleSilent(`status ${status}`, { again: true });
  if (status === 429) throw new GoogleSilent('status 429');
  const body = parseJson(text);
  if (status < 400 && body === undefined) throw new GoogleSilent('not JSON');
  return { status, body, freshSeconds: freshSecondsOf(response.headers) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** RFC 9111, section 4.2: `max-age`, less the `Age` it came with. */
function freshSecondsOf(headers: Headers): number | undefined {
  const [, maxAge] =
    /(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])/i.exec(headers.get('cache-control') ?? '') ?? [];
  if (maxAge === undefined) return undefined;
  const age = /^\d{1,9}$/.exec(headers.get('age') ?? '')?.[0] ?? '0';
  return Math.max(0, Number(maxAge) - Number(age));
}
