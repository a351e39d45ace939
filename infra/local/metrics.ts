// What Prometheus is told: requests by route, and the process.

import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import type { Observe, ServedRequest } from '#functions/observe.ts';
import type { MirrorFigures } from '#shared/mirror/told.ts';

export interface Metrics {
  readonly observe: Observe;
  readonly mirror: MirrorFigures;
  /** In Prometheus' text format. */
  text(): Promise<string>;
}

/** From a HEAD that one read answers to a layer that takes minutes, in seconds. */
const durationBuckets = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600];

export function createMetrics(): Metrics {
  const register = new Registry();
  collectDefaultMetrics({ register });
  const registers = [register];
  const requests = new Counter({
    name: 'berth_http_requests_total',
    help: 'Requests that are over, by route, method and status.',
    labelNames: ['route', 'method', 'status'],
    registers,
  });
  const duration = new Histogram({
    name: 'berth_http_request_duration_seconds',
    help: 'How long requests took, from their headers to the end of the answer.',
    labelNames: ['route', 'method'],
    buckets: durationBuckets,
    registers,
  });
  const received = new Counter({
    name: 'berth_http_received_bytes_total',
    help: 'Bytes of request bodies that were read.',
    labelNames: ['route'],
    registers,
  });
  const sent = new Counter({
    name: 'berth_http_sent_bytes_total',
    help: 'Bytes of answers’ bodies.',
    labelNames: ['route'],
    registers,
  });
  const mirrored = new Counter({
    name: 'berth_mirror_answers_total',
    help: 'What mirrors answered, by kind (manifest, blob) and outcome (hit, fetched, stale, absent, failed).',
    labelNames: ['kind', 'outcome'],
    registers,
  });
  const fetched = new Counter({
    name: 'berth_mirror_fetched_bytes_total',
    help: 'Bytes of blobs that came of upstreams.',
    registers,
  });
  const mirror: MirrorFigures = {
    answered: (kind, outcome) => mirrored.inc({ kind, outcome }),
    received: (bytes) => fetched.inc(bytes),
  };
  const observe = ({ route, method, status, ...served }: ServedRequest) => {
    requests.inc({ route, method, status });
    duration.observe({ route, method }, served.durationMs / 1000);
    received.inc({ route }, served.bytesReceived);
    sent.inc({ route }, served.bytesSent);
  };
  return { observe, mirror, text: () => register.metrics() };
}
