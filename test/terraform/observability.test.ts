// What is looked at: the figures are met by the lines that the code writes, alerts and the dashboard name figures that
// exist, and each alert says what to do and tells somebody.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { collect } from '#functions/collector/collect.ts';
import { sweepLocations } from '#functions/events/sweep.ts';
import { logRequests } from '#functions/observe.ts';
import type { Log } from '#shared/log.ts';
import type { Events } from '#shared/ports/events.ts';
import { pushAll, sendAll, useRegistry } from '#test/support/calls.ts';
import { imageManifest } from '#test/support/manifests.ts';
import { readModules, terraformRoot, withoutPackages } from './hcl.ts';

const directory = 'modules/observability';
const registry = useRegistry();

/**
 * Google's figures that are named, each with what they tell of. Of these lists, as copies of them and configurations that are in
 * use had them on 2026-11-24:
 *   cloud.google.com/monitoring/api/metrics_gcp_d_h (firestore), …_i_o (loadbalancing, monitoring), …_p_z (pubsub, run, storage)
 */
const googleMetrics: Readonly<Record<string, string>> = {
  'firestore.googleapis.com/document/delete_ops_count': 'firestore.googleapis.com/Database',
  'firestore.googleapis.com/document/read_ops_count': 'firestore.googleapis.com/Database',
  'firestore.googleapis.com/document/write_ops_count': 'firestore.googleapis.com/Database',
  'loadbalancing.googleapis.com/https/request_bytes_count': 'https_lb_rule',
  'loadbalancing.googleapis.com/https/request_count': 'https_lb_rule',
  'loadbalancing.googleapis.com/https/response_bytes_count': 'https_lb_rule',
  'loadbalancing.googleapis.com/https/total_latencies': 'https_lb_rule',
  'monitoring.googleapis.com/uptime_check/check_passed': 'uptime_url',
  'monitoring.googleapis.com/uptime_check/time_until_ssl_cert_expires': 'uptime_url',
  'pubsub.googleapis.com/subscription/num_undelivered_messages': 'pubsub_subscription',
  'run.googleapis.com/container/instance_count': 'cloud_run_revision',
  'run.googleapis.com/container/startup_latencies': 'cloud_run_revision',
  'run.googleapis.com/request_count': 'cloud_run_revision',
  'run.googleapis.com/request_latencies': 'cloud_run_revision',
  'storage.googleapis.com/network/sent_bytes_count': 'gcs_bucket',
  'storage.googleapis.com/storage/v2/total_bytes': 'gcs_bucket',
};

/** Those whose value is a distribution: PromQL reads them as `_bucket`, `_count` and `_sum`, and no others so. */
const distributions =
  /latencies$|^logging\.googleapis\.com\/user\/berth_(outbox_age|collector_lag)$/;

/** By the names that PromQL has for them: cloud.google.com/monitoring/promql/promql-mapping. */
const inPromQl = (metric: string) =>
  metric.replace('/', ':').replace(/[^:]+/g, (part) => part.replace(/\W/g, '_'));

interface LogMetric {
  readonly name: string;
  readonly filter: string;
  readonly value_extractor?: string;
  readonly label_extractors?: Readonly<Record<string, string>>;
}

interface Alert {
  readonly name: string;
  readonly advice: string;
  readonly query?: string;
  readonly filter?: string;
}

interface Policy {
  readonly notification_channels: readonly string[];
  readonly documentation: readonly { readonly content: string }[];
  readonly alert_strategy: readonly { readonly auto_close: string }[];
}

/** A line as Cloud Logging has it: what is not its own field is in `jsonPayload`. */
interface Entry {
  readonly service: string;
  readonly severity: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

describe('the figures of the log', { skip: withoutPackages() }, () => {
  let metrics: Readonly<Record<string, LogMetric>>;
  let locals: Readonly<Record<string, unknown>>;
  let policies: Readonly<Record<string, Policy>>;

  before(async () => {
    const files = (await readModules()).get(directory) ?? assert.fail('there is no such module');
    const resources: Record<string, Record<string, unknown>> = {};
    const all: Record<string, unknown> = {};
    for (const { blocks } of files) {
      Object.assign(all, ...((blocks['locals'] as object[] | undefined) ?? []));
      const found = (blocks['resource'] ?? {}) as Record<string, Record<string, unknown[]>>;
      for (const [type, ofType] of Object.entries(found)) {
        const bodies = Object.entries(ofType).map(([name, [body]]) => [name, body]);
        resources[type] = { ...resources[type], ...Object.fromEntries(bodies) };
      }
    }
    locals = all;
    metrics = resources['google_logging_metric'] as typeof metrics;
    policies = resources['google_monitoring_alert_policy'] as typeof policies;
  });

  /** Puts in what an expression stands for: a local, a figure's name, or the function's name as its service has it. */
  function resolved(text: string): string {
    return text
      .replace(/\$\{local\.(\w+)\}/g, (_, name) => resolved(String(locals[name])))
      .replace(/\$\{google_logging_metric\.(\w+)\.name\}/g, (_, name) => metrics[name]?.name ?? '')
      .replace(/\$\{var\.services\["(\w+)"\]\}/g, (_, name) => name);
  }

  const alerts = () =>
    Object.values({
      ...(locals['queries'] as Record<string, Alert>),
      ...(locals['thresholds'] as Record<string, Alert>),
    });

  /** What a sweep, a run of the collector and their requests write, one of which fails. */
  async function written(): Promise<readonly Entry[]> {
    const { services } = registry();
    const entries: Entry[] = [];
    const logOf =
      (service: string): Log =>
      (severity, message, fields) =>
        entries.push({ service, severity, payload: { message, ...fields } });
    const image = imageManifest();
    await sendAll(registry().url, pushAll('watched/app', image, 'v1'));
    registry().clock.advance(90_000);
    const publisher: Events = { publish: () => Promise.reject(new Error('out of reach')) };
    const { documents, clock } = services;
    const events = { documents, clock, events: publisher, log: logOf('events') };
    await sweepLocations(events, ['local', 'eu']);
    const request = {} as Parameters<typeof collect>[0];
    await collect(request, { ...services, locations: ['local'], log: logOf('collector') });
    for (const service of ['events', 'collector']) {
      logRequests(logOf(service))({
        requestId: 'id',
        address: 'unknown',
        method: 'POST',
        route: 'sweep',
        name: undefined,
        status: 200,
        bytesReceived: 0,
        bytesSent: 2,
        durationMs: 1,
        actor: undefined,
        aborted: false,
      });
    }
    return entries;
  }

  it('are met by the very lines that the code writes, and by no others', async () => {
    const entries = await written();
    const metBy = (name: string) => {
      const metric = metrics[name] ?? assert.fail(`there is no ${name}`);
      const { value_extractor: value, label_extractors: labels = {} } = metric;
      return entries
        .filter((entry) => isMet(resolved(metric.filter), entry))
        .map((entry) => ({
          message: entry.payload['message'],
          ...(value && { value: extracted(value, entry) }),
          ...Object.fromEntries(
            Object.entries(labels).map(([key, of]) => [key, extracted(of, entry)]),
          ),
        }));
    };
    const swept = 'the outbox was swept';
    assert.deepEqual(metBy('outbox_age'), [
      { message: swept, value: 90, registry_location: 'local' },
      { message: swept, value: 0, registry_location: 'eu' },
    ]);
    const ran = 'the collector ran';
    assert.deepEqual(metBy('collector_lag'), [
      { message: ran, value: 0, registry_location: 'local' },
      { message: ran, value: 0, registry_location: 'mirrors' },
    ]);
    assert.deepEqual(metBy('errors'), [{ message: 'events were not published' }]);
    assert.deepEqual(
      new Set(Object.keys(metrics)),
      new Set(['collector_lag', 'errors', 'outbox_age']),
    );
  });

  it('alerts compare with a border of their buckets, so that either side is told apart', () => {
    const bounds = locals['bounds_in_seconds'] as number[];
    const compared = alerts().flatMap(({ query = '' }) =>
      /histogram_quantile/.test(query) && /outbox_age|collector_lag/.test(query)
        ? [Number(/> (\d+)\s*$/.exec(query)?.[1])]
        : [],
    );
    assert.equal(compared.length, 2);
    for (const threshold of compared) assert.ok(bounds.includes(threshold), String(threshold));
  });

  /** All names of figures in a query, held against those there are; and that each says of which resource. */
  function checkQuery(query: string): void {
    const ours = Object.values(metrics).map(({ name }) => [
      `logging.googleapis.com/user/${name}`,
      'cloud_run_revision',
    ]);
    const known = [...Object.entries(googleMetrics), ...ours].flatMap(([metric = '', resource]) =>
      (distributions.test(metric) ? ['_bucket', '_count', '_sum'] : ['']).map(
        (suffix) => [`${inPromQl(metric)}${suffix}`, resource] as const,
      ),
    );
    const resourceOf = new Map(known);
    const named = [...query.matchAll(/([a-z_]+_googleapis_com:\w+)(?:\{([^}]*)\})?/g)];
    assert.notEqual(named.length, 0, query);
    for (const [, name = '', selector = ''] of named) {
      const resource = resourceOf.get(name) ?? assert.fail(`there is no figure ${name}`);
      assert.ok(selector.includes(`monitored_resource="${resource}"`), `${name}{${selector}}`);
    }
    for (const [open, close] of ['()', '{}', '[]']) {
      assert.equal(query.split(open ?? '').length, query.split(close ?? '').length, query);
    }
  }

  function checkFilter(filter: string): void {
    const metric = /metric\.type="([^"]+)"/.exec(filter)?.[1] ?? assert.fail(filter);
    const resource = /resource\.type="([^"]+)"/.exec(filter)?.[1];
    assert.equal(googleMetrics[metric], resource, metric);
  }

  it('alerts name figures that exist', () => {
    for (const { query, filter } of alerts()) {
      if (query !== undefined) checkQuery(resolved(query));
      else checkFilter(resolved(filter ?? ''));
    }
    // What is made for each maximum is an expression, and a text to us.
    const text = resolved(String(locals['instance_queries']));
    const [, query = ''] = /<<-EOT\n([\s\S]*?)EOT/.exec(text) ?? [];
    checkQuery(query.replace(/\$\{join\([^)]*\)\}/, 'a|b').replace(/\$\{maximum\}/, '10'));
  });

  it('alerts tell somebody, say what to look at and what to do, and end by themselves', () => {
    assert.equal(alerts().length, 10);
    for (const { name, advice } of alerts()) {
      assert.match(advice, /^\S[\s\S]+\n\n1\. \S[\s\S]+\n2\. \S/, name);
    }
    assert.match(String(locals['instance_queries']), /advice\s*= <<-EOT\s+\S[\s\S]+?\n\s+1\. /);
    assert.deepEqual(new Set(Object.keys(policies)), new Set(['queries', 'thresholds']));
    for (const { notification_channels, documentation, alert_strategy } of Object.values(
      policies,
    )) {
      const [channel, ...others] = notification_channels;
      assert.match(channel ?? '', /^\$\{google_monitoring_notification_channel\.email\.id\}$/);
      assert.deepEqual(others, []);
      assert.match(documentation[0]?.content ?? '', /\$\{each\.value\.advice\}/);
      assert.match(alert_strategy[0]?.auto_close ?? '', /^\d+s$/);
    }
  });

  it('the dashboard is JSON, has no two charts in one place, and names figures that exist', () => {
    const file = readFileSync(join(terraformRoot, directory, 'dashboard.json'), 'utf8');
    assert.deepEqual(new Set(file.match(/(?<=\$\{)\w+(?=\})/g)), new Set(['project', 'budget']));
    const { mosaicLayout } = JSON.parse(file) as Dashboard;
    const places = new Set<string>();
    for (const { xPos = 0, yPos = 0, width, height, widget } of mosaicLayout.tiles) {
      assert.ok(xPos + width <= mosaicLayout.columns, widget.title);
      assert.ok(xPos % width === 0 && yPos % height === 0, widget.title);
      places.add(`${xPos} ${yPos}`);
      for (const { timeSeriesQuery } of widget.xyChart?.dataSets ?? []) {
        const { prometheusQuery, timeSeriesFilter } = timeSeriesQuery;
        if (prometheusQuery !== undefined) checkQuery(prometheusQuery);
        else checkFilter(timeSeriesFilter?.filter ?? '');
      }
    }
    assert.equal(places.size, mosaicLayout.tiles.length);
  });
});

interface Dashboard {
  readonly mosaicLayout: {
    readonly columns: number;
    readonly tiles: readonly {
      readonly xPos?: number;
      readonly yPos?: number;
      readonly width: number;
      readonly height: number;
      readonly widget: {
        readonly title: string;
        readonly xyChart?: {
          readonly dataSets: readonly {
            readonly timeSeriesQuery: {
              readonly prometheusQuery?: string;
              readonly timeSeriesFilter?: { readonly filter: string };
            };
          }[];
        };
      };
    }[];
  };
}

const severities = ['DEFAULT', 'DEBUG', 'INFO', 'NOTICE', 'WARNING', 'ERROR', 'CRITICAL'];

/** As much of the Logging query language as our filters use: comparisons, one a line, all of which hold. */
function isMet(filter: string, { service, severity, payload }: Entry): boolean {
  const fields: Readonly<Record<string, unknown>> = {
    'resource.type': 'cloud_run_revision',
    'resource.labels.service_name': service,
  };
  const valueAt = (path: string) =>
    path.startsWith('jsonPayload.') ? payload[path.slice('jsonPayload.'.length)] : fields[path];
  return filter
    .trim()
    .split('\n')
    .every((line) => {
      const [, log] = /^log_id\("([^"]+)"\)$/.exec(line) ?? [];
      if (log !== undefined) return log === 'run.googleapis.com/stderr';
      const [, least] = /^severity>=(\w+)$/.exec(line) ?? [];
      if (least !== undefined) return severities.indexOf(severity) >= severities.indexOf(least);
      const [, path = '', value] = /^([\w.]+)="([^"]*)"$/.exec(line) ?? assert.fail(line);
      return valueAt(path) === value;
    });
}

/** `EXTRACT(jsonPayload.field)`: of a number, or of a text. */
function extracted(extractor: string, { payload }: Entry): unknown {
  const [, field = ''] =
    /^EXTRACT\(jsonPayload\.(\w+)\)$/.exec(extractor) ?? assert.fail(extractor);
  return payload[field];
}
