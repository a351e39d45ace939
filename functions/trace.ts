// What links a request's lines in the log to the platform's own of the same request.

import type { IncomingHttpHeaders } from 'node:http';

/**
 * Reads of a request what trace it belongs to, as Google's load balancer writes it (`X-Cloud-Trace-Context:
 * TRACE/SPAN;o=1`) or W3C's Trace Context has it (`traceparent: 00-TRACE-SPAN-01`).
 * @param project of Google Cloud, whose the trace is
 * @returns of headers the trace's name for Cloud Logging, or `undefined` where they name none. A client may name any:
 * it decides nothing.
 */
export function traceReader(project: string): (headers: IncomingHttpHeaders) => string | undefined {
  return ({ 'x-cloud-trace-context': context, traceparent }) => {
    const found =
      /^([0-9a-f]{32})(?:[/;]|$)/.exec(String(context)) ??
      /^00-([0-9a-f]{32})-/.exec(String(traceparent));
    return found === null ? undefined : `projects/${project}/traces/${found[1]}`;
  };
}

/** The field of a line that Cloud Logging takes for its trace, and takes out of what it stores of it. */
export function traceField(trace: string | undefined): Record<string, string> {
  return trace === undefined ? {} : { 'logging.googleapis.com/trace': trace };
}
