// What holds data, and what runs by itself, is told to Google as the code expects it: the buckets, the database, the way of
// events, the schedules.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { functionOf, routesOf, type ServedRoute } from '#functions/routes.ts';
import { targetNames, targets } from '#functions/targets.ts';
import { generated } from '#infra/terraform/generate/files.ts';
import { documentKinds, expiringKinds, expiryField } from '#shared/google/firestore-fields.ts';
import { keyOf, pathOf } from '#shared/google/firestore-keys.ts';
import { sessionSecondsMax, signingKeyDays } from '#shared/oci/limits.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import { outboxKeys, repositoryAt, repositoryOfEntry } from '#shared/registry/layout.ts';
import { eventsTopic } from '#shared/registry/relay.ts';
import { readModules, terraformRoot, withoutPackages } from './hcl.ts';

const skip = withoutPackages();
const daySeconds = 24 * 60 * 60;

type Body = Readonly<Record<string, unknown>>;
type Resources = ReadonlyMap<string, Body>;

/** Resource's type and name, `google_storage_bucket.blobs` → its one body. */
const resources = new Map<string, Map<string, Body>>();
/** Module → its locals. */
const locals = new Map<string, Body>();
/** Of the root: which arguments each module is given. */
const calls = new Map<string, Body>();

describe('what holds data, and what runs by itself', { skip }, () => {
  before(async () => {
    for (const [directory, files] of await readModules()) {
      const name = directory.split('/').at(-1) ?? '';
      const found = new Map<string, Body>();
      for (const { blocks } of files) {
        for (const [type, named] of entries(blocks['resource'])) {
          for (const [label, bodies] of entries(named)) found.set(`${type}.${label}`, one(bodies));
        }
        for (const each of list(blocks['locals'])) {
          locals.set(name, { ...locals.get(name), ...(each as Body) });
        }
        if (name !== '') continue;
        for (const [label, bodies] of entries(blocks['module'])) calls.set(label, one(bodies));
      }
      resources.set(name, found);
    }
  });

  describe('a bucket', () => {
    it('lets nobody in by a list of its own, and never all the world', () => {
      for (const [name, bucket] of buckets()) {
        assert.equal(bucket['uniform_bucket_level_access'], true, name);
        assert.equal(bucket['public_access_prevention'], 'enforced', name);
        assert.deepEqual(bucket['versioning'], [{ enabled: false }], name);
      }
    });

    it('of blobs keeps what was deleted as long as the database can be read as it was', () => {
      const blobs = bucketOf('blobs');
      assert.ok(softDeleteSeconds(blobs) >= 7 * daySeconds);
      assert.equal(softDeleteSeconds(bucketOf('staging')), 0);
      assert.equal(softDeleteSeconds(bucketOf('mirrored_blobs')), 0);
    });

    it('of blobs deletes nothing by itself', () => {
      for (const name of ['blobs', 'mirrored_blobs']) {
        assert.ok(!rules(bucketOf(name)).some(({ type }) => type === 'Delete'), name);
      }
    });

    it('of uploads deletes what is older than any session, and leaves a day of grace', () => {
      const { condition } = rules(bucketOf('staging')).find(({ type }) => type === 'Delete') ?? {};
      assert.deepEqual(Object.keys(condition ?? {}), ['age'], 'whatever its name');
      assert.ok(Number(condition?.['age']) * daySeconds >= sessionSecondsMax + daySeconds);
    });

    it('of uploads is in the place and of the class of its blobs, so that joining moves no bytes', () => {
      const staging = bucketOf('staging');
      for (const name of ['blobs', 'staging']) {
        assert.equal(bucketOf(name)['location'], hcl('each.value'), name);
        assert.equal(bucketOf(name)['storage_class'], 'STANDARD', name);
      }
      assert.equal(staging['for_each'], hcl('var.buckets'), 'that of mirrors, too');
      assert.match(String(locals.get('storage')?.['own_buckets']), /in var\.buckets :/);
    });

    it('has the name that functions look for, of at most 63 characters', async () => {
      const templates = (await readModules()).get('modules/storage') ?? [];
      const outputs = Object.assign({}, ...templates.map(({ blocks }) => blocks['output'] ?? {}));
      for (const [kind, resource] of [
        ['blobs', 'blobs'],
        ['staging', 'staging'],
      ] as const) {
        const template = String(one(outputs[`${kind}_bucket_template`])['value']);
        const name = String(bucketOf(resource)['name']);
        assert.equal(template.replace('{location}', hcl('each.key')), name);
        const longest = template
          .replace(hcl('var.project'), 'p'.repeat(30))
          .replace('{location}', 'northamerica-northeast1');
        assert.ok(longest.length <= 63, longest);
      }
      const ofMirrors = String(bucketOf('mirrored_blobs')['name']);
      assert.equal(ofMirrors, String(bucketOf('blobs')['name']).replace(hcl('each.key'), 'mirror'));
    });
  });

  describe('what cannot be made again', () => {
    it('is not removed by any plan', () => {
      const kept = [
        ['storage', 'google_storage_bucket.blobs'],
        ['database', 'google_firestore_database.berth'],
        ['events', 'google_pubsub_topic.changes'],
        ['events', 'google_pubsub_subscription.dead_letters'],
      ] as const;
      for (const [module, name] of kept) {
        assert.deepEqual(resource(module, name)['lifecycle'], [{ prevent_destroy: true }], name);
      }
      assert.equal(bucketOf('blobs')['force_destroy'], false);
    });

    it('is all there is: every bucket and database is protected, or can be lost', () => {
      const canBeLost = new Set([
        // An upload that is cut off begins again; a copy is fetched again.
        'google_storage_bucket.staging',
        'google_storage_bucket.mirrored_blobs',
        // What holds its messages is its subscription.
        'google_pubsub_topic.dead_letters',
        // The messages stay in the topic for a week.
        'google_pubsub_subscription.subscriber',
      ]);
      const holds = /^google_(storage_bucket|firestore_database|pubsub_(topic|subscription))\./;
      const unprotected = ['storage', 'database', 'events'].flatMap((module) =>
        [...resourcesOf(module)]
          .filter(([name, { lifecycle }]) => holds.test(name) && lifecycle === undefined)
          .map(([name]) => name),
      );
      assert.deepEqual(new Set(unprotected), canBeLost);
    });
  });

  describe('the database', () => {
    const database = () => resource('database', 'google_firestore_database.berth');

    it('locks what transactions read, as the code counts on', () => {
      assert.equal(database()['type'], 'FIRESTORE_NATIVE');
      assert.equal(database()['database_edition'], 'STANDARD');
      assert.equal(database()['concurrency_mode'], 'PESSIMISTIC');
    });

    it('can be read as it was, is backed up, and is not deleted', () => {
      assert.equal(
        database()['point_in_time_recovery_enablement'],
        'POINT_IN_TIME_RECOVERY_ENABLED',
      );
      assert.equal(database()['delete_protection_state'], 'DELETE_PROTECTION_ENABLED');
      assert.equal(database()['deletion_policy'], 'ABANDON');
      const daily = resource('database', 'google_firestore_backup_schedule.daily');
      const weekly = resource('database', 'google_firestore_backup_schedule.weekly');
      assert.equal(seconds(daily['retention']), 7 * daySeconds);
      assert.equal(seconds(weekly['retention']), 14 * 7 * daySeconds);
      assert.ok(
        Array.isArray(daily['daily_recurrence']) && Array.isArray(weekly['weekly_recurrence']),
      );
    });

    it('is told of the documents what the code says of them', () => {
      const file = 'modules/database/documents.json';
      const told: unknown = JSON.parse(readFileSync(join(terraformRoot, file), 'utf8'));
      assert.deepEqual(told, generated[file], 'run `npm run terraform`');
      assert.equal(
        locals.get('database')?.['documents'],
        hcl(`jsondecode(file("${hcl('path.module')}/documents.json"))`),
      );
    });

    it('has no index of any field of any kind', () => {
      const field = resource('database', 'google_firestore_field.unindexed');
      assert.deepEqual(collections(field), new Set(documentKinds));
      assert.equal(field['field'], '*');
      assert.deepEqual(field['index_config'], [{}]);
      // Of all fields together the service takes none.
      assert.equal(field['ttl_config'], undefined);
    });

    it('deletes what has passed, and has no index of when that is', () => {
      const field = resource('database', 'google_firestore_field.expiry');
      assert.deepEqual(collections(field), new Set(expiringKinds));
      assert.equal(documentsAt(field['field']), expiryField);
      assert.deepEqual(field['ttl_config'], [{}]);
      assert.deepEqual(field['index_config'], [{}]);
    });

    it('has no more configurations of fields than a database may have', () => {
      assert.ok(documentKinds.length + expiringKinds.length <= 200);
    });

    it('may have another name, which is all that a restored one differs in', () => {
      assert.equal(database()['name'], hcl('var.name'));
      assert.equal(calls.get('database')?.['name'], hcl('var.database'));
      for (const [name, body] of resourcesOf('database')) {
        if (!('database' in body)) continue;
        assert.equal(body['database'], hcl('google_firestore_database.berth.name'), name);
      }
    });
  });

  describe('the trigger of the relay', () => {
    const trigger = () => resource('events', 'google_eventarc_trigger.outbox');
    const criterion = (attribute: string): Body =>
      (list(trigger()['matching_criteria']) as Body[]).find(
        (one) => one['attribute'] === attribute,
      ) ?? {};
    const entries = ['team/app', 'hello', 'example.com/team/a.b_c--d/e', `t/${'x'.repeat(230)}`]
      .map((text) => parseRepositoryName(text))
      .filter((name) => name !== undefined)
      .map((name) => {
        const repository = repositoryAt('us', name);
        return { repository, path: pathText(outboxKeys(repository, 1_764_000_000_000)(0)) };
      });

    it('is of documents that are created in the database, wherever that is', () => {
      assert.equal(criterion('type')['value'], 'google.cloud.firestore.document.v1.created');
      assert.equal(criterion('database')['value'], hcl('var.database'));
      assert.equal(calls.get('events')?.['database'], hcl('module.database.name'));
      assert.equal(trigger()['location'], hcl('var.trigger_location'));
      assert.equal(calls.get('events')?.['trigger_location'], calls.get('database')?.['location']);
      assert.equal(trigger()['event_data_content_type'], 'application/protobuf');
    });

    it('matches every entry of the outbox, and tells the relay its repository', () => {
      assert.equal(criterion('document')['operator'], 'match-path-pattern');
      assert.equal(entries.length, 4);
      for (const { repository, path } of entries) {
        assert.ok(matches(String(criterion('document')['value']), path), path);
        assert.deepEqual(repositoryOfEntry(keyOf(path)), repository);
      }
    });

    it('brings paths that a header of HTTP carries as they are', () => {
      // CloudEvents, HTTP binding 1.0.2, section 3.1.3.2: all but these is percent-encoded.
      for (const { path } of entries) assert.match(path, /^[!#$&-~]+$/);
    });

    it('matches no other document', () => {
      const pattern = String(criterion('document')['value']);
      for (const kind of documentKinds.filter((one) => one !== 'outbox')) {
        assert.ok(!matches(pattern, pathText(['us', '-', kind, 'a', 'b'])), kind);
      }
      assert.ok(!matches(pattern, pathText(['us', 'project', 'outbox', 'a'])));
    });

    it('calls the function that has a route for it', () => {
      const called = one(one(trigger()['destination'])['cloud_run_service']);
      assert.equal(called['service'], hcl('var.relay'));
      assert.equal(calls.get('events')?.['relay'], hcl('module.functions.services["events"]'));
      assert.equal(called['path'], relayRoute()?.path);
    });
  });

  describe('who is told of changes', () => {
    const subscription = () => resource('events', 'google_pubsub_subscription.subscriber');

    it('hears of them on the topic that the code publishes on', () => {
      assert.equal(resource('events', 'google_pubsub_topic.changes')['name'], eventsTopic);
      assert.equal(subscription()['topic'], hcl('google_pubsub_topic.changes.id'));
    });

    it('is told in order, again and again, and loses nothing', () => {
      assert.equal(subscription()['enable_message_ordering'], true);
      assert.deepEqual(subscription()['retry_policy'], [
        { minimum_backoff: '10s', maximum_backoff: '600s' },
      ]);
      assert.deepEqual(subscription()['expiration_policy'], [{ ttl: '' }]);
      const weekSeconds = 7 * daySeconds;
      assert.equal(seconds(subscription()['message_retention_duration']), weekSeconds);
      const kept = resource('events', 'google_pubsub_subscription.dead_letters');
      assert.equal(kept['topic'], one(subscription()['dead_letter_policy'])['dead_letter_topic']);
      assert.ok(seconds(kept['message_retention_duration']) >= weekSeconds);
      assert.deepEqual(kept['expiration_policy'], [{ ttl: '' }]);
    });

    it('is not in the way of Pub/Sub, which sets aside what it does not take', () => {
      const publishes = resource('events', 'google_pubsub_topic_iam_member.dead_letters');
      const takes = resource('events', 'google_pubsub_subscription_iam_member.subscriber');
      assert.equal(publishes['role'], 'roles/pubsub.publisher');
      assert.equal(publishes['topic'], hcl('google_pubsub_topic.dead_letters.id'));
      assert.equal(takes['role'], 'roles/pubsub.subscriber');
      assert.equal(takes['for_each'], subscription()['for_each'], 'on each subscription');
      for (const { member } of [publishes, takes]) assert.equal(member, hcl('local.pubsub_agent'));
      assert.equal(
        locals.get('events')?.['pubsub_agent'],
        `serviceAccount:service-${hcl('var.project_number')}@gcp-sa-pubsub.iam.gserviceaccount.com`,
      );
    });
  });

  describe('a schedule', () => {
    const jobs = () => locals.get('schedules')?.['jobs'] as Readonly<Record<string, Body>>;
    const job = () => resource('schedules', 'google_cloud_scheduler_job.job');

    it('calls a route of the function that it calls', () => {
      assert.equal(one(job()['http_target'])['http_method'], 'POST');
      for (const [name, { function: called, path }] of Object.entries(jobs())) {
        assert.ok(
          internalRoutes().some((route) => functionOf(route) === called && route.path === path),
          name,
        );
      }
    });

    it('there is for all that no client and no trigger asks for', () => {
      const scheduled = new Set(
        Object.values(jobs()).map((one) => `${one['function']} ${one['path']}`),
      );
      for (const route of internalRoutes()) {
        if (route === relayRoute()) continue;
        assert.ok(scheduled.has(`${functionOf(route)} ${route.path}`), route.run);
      }
    });

    it('shows a token that is meant for the function, and nothing else', () => {
      const { uri, oidc_token: token } = one(job()['http_target']);
      const { audience, service_account_email: account } = one(token);
      assert.equal(audience, hcl('var.functions[each.value.function]'));
      assert.equal(uri, `${audience}${hcl('each.value.path')}`);
      assert.equal(account, hcl('var.account'));
      assert.equal(calls.get('schedules')?.['functions'], hcl('module.functions.uris'));
    });

    it('is of UTC, and gives up when Cloud Scheduler has to', () => {
      assert.equal(job()['time_zone'], 'Etc/UTC');
      for (const [name, { deadline, retries }] of Object.entries(jobs())) {
        assert.ok(seconds(deadline) >= 15 && seconds(deadline) <= 1800, name);
        assert.equal(typeof retries, 'number', name);
      }
    });

    it('is as often as what it does is promised', () => {
      assert.equal(jobs()['sweep']?.['schedule'], '* * * * *');
      assert.equal(jobs()['collect']?.['schedule'], '*/10 * * * *');
      // What a day late is does not matter for what is due every 90.
      assert.match(String(jobs()['rotate-keys']?.['schedule']), /^\d+ \d+ \* \* \*$/);
      assert.ok(signingKeyDays > 30);
    });
  });
});

function resourcesOf(module: string): Resources {
  return resources.get(module) ?? new Map();
}

function resource(module: string, name: string): Body {
  const found = resourcesOf(module).get(name);
  assert.ok(found, `${name} in ${module}`);
  return found;
}

const bucketOf = (name: string): Body => resource('storage', `google_storage_bucket.${name}`);

const buckets = (): [string, Body][] =>
  [...resourcesOf('storage')].filter(([name]) => name.startsWith('google_storage_bucket.'));

function softDeleteSeconds(bucket: Body): number {
  return seconds(one(bucket['soft_delete_policy'])['retention_duration_seconds']);
}

function rules(bucket: Body): { type: unknown; condition: Body }[] {
  return list(bucket['lifecycle_rule']).map((rule) => {
    const { action, condition } = rule as Body;
    return { type: one(action)['type'], condition: one(condition) };
  });
}

/** Of a number, a product such as `${7 * 24}`, a duration such as `${7 * 24}s`, or a local that is one. */
function seconds(value: unknown): number {
  const text = String(value);
  const local = /^\$\{local\.(\w+)\}$/.exec(text)?.[1];
  if (local !== undefined) return seconds(locals.get('events')?.[local]);
  const factors = /^(?:\$\{([\d* ]+)\}|(\d+))s?$/.exec(text);
  assert.ok(factors, `${text} is no duration`);
  return (factors[1] ?? factors[2] ?? '').split('*').reduce((all, one) => all * Number(one), 1);
}

/** The value of `${local.documents.NAME}` in the module of the database. */
function documentsAt(expression: unknown): unknown {
  const name = /^\$\{local\.documents\.(\w+)\}$/.exec(String(expression))?.[1] ?? '';
  return (generated['modules/database/documents.json'] as Body)[name];
}

/** What a resource of each kind is made for. */
function collections(field: Body): ReadonlySet<unknown> {
  assert.equal(field['collection'], hcl('each.key'));
  const [, set = ''] = /^\$\{toset\((.+)\)\}$/.exec(String(field['for_each'])) ?? [];
  return new Set(documentsAt(hcl(set)) as readonly unknown[]);
}

/** An expression as the parser tells it. */
function hcl(expression: string): string {
  return `\${${expression}}`;
}

function pathText(key: Parameters<typeof pathOf>[0]): string {
  const { collection, id } = pathOf(key);
  return `${collection}/${id}`;
}

/** Eventarc's path patterns, as far as one is written here: `{name}` stands for one element, the rest for itself. */
function matches(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  return (
    wanted.length === given.length &&
    wanted.every((element, at) => /^\{\w+\}$/.test(element) || element === given[at])
  );
}

function internalRoutes(): readonly ServedRoute[] {
  const functions = new Set<string>(targetNames.flatMap((name) => targets[name].serves));
  return routesOf([...functions]).filter(({ needs }) => needs === 'platform');
}

const relayRoute = (): ServedRoute | undefined =>
  internalRoutes().find(({ run }) => run === 'events/relay');

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The body of a block that there is one of. */
function one(value: unknown): Body {
  const [body, ...more] = list(value);
  assert.ok(body !== undefined && more.length === 0, 'there is one of it');
  return body as Body;
}

function entries(value: unknown): [string, unknown][] {
  return Object.entries(value ?? {});
}
