// Each account may do what the table says (rights.ts), and nothing else is granted anywhere.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { functionOf, mirrorRoutes, routes } from '#functions/routes.ts';
import { functionSettings } from '#functions/settings.ts';
import { targetNames, targets } from '#functions/targets.ts';
import { readModules, withoutPackages } from './hcl.ts';
import {
  bucketRights,
  databaseUsers,
  grants,
  publishers,
  secretReaders,
  secretWriters,
} from './rights.ts';

type Body = Readonly<Record<string, unknown>>;

interface Module {
  readonly locals: Record<string, unknown>;
  /** Resource's type and name → its body. */
  readonly resources: Map<string, Body>;
  /** All of its files, as JSON. */
  text: string;
}

const skip = withoutPackages();

describe('who may do what', { skip }, () => {
  const modules = new Map<string, Module>();
  let identities: Module;

  before(async () => {
    for (const [directory, files] of await readModules()) {
      const module: Module = { locals: {}, resources: new Map(), text: '' };
      for (const { blocks } of files) {
        for (const one of (blocks['locals'] ?? []) as Body[]) Object.assign(module.locals, one);
        for (const [type, named] of Object.entries((blocks['resource'] ?? {}) as Body)) {
          for (const [name, [body]] of Object.entries(named as Record<string, [Body]>)) {
            module.resources.set(`${type}.${name}`, body);
          }
        }
        module.text += JSON.stringify(blocks);
      }
      modules.set(directory.split('/').at(-1) ?? '', module);
    }
    identities = modules.get('identities') ?? assert.fail();
  });

  const local = <T>(name: string) => identities.locals[name] as T;

  it('there is an account for each function, and for what else has something to do', () => {
    const others = ['scheduler', 'trigger', 'urls', 'release', 'builder', 'keys'];
    const accounts = Object.keys(local<Body>('accounts'));
    assert.deepEqual(new Set(accounts), new Set([...targetNames, ...others]));
  });

  it('only the collector deletes blobs, and each does in buckets what it has to', () => {
    const roles = local<Record<string, string[]>>('object_roles');
    const rights = local<Record<string, Record<string, string[]>>>('bucket_rights');
    const found = Object.entries(rights).map(([kind, byRole]) => [
      kind,
      Object.fromEntries(
        Object.entries(byRole).flatMap(([role, accounts]) =>
          accounts.map((account) => [
            account,
            (roles[role] ?? ['storage.objects.get']).map((one) => one.split('.')[2]),
          ]),
        ),
      ),
    ]);
    assert.deepEqual(Object.fromEntries(found), bucketRights);
    assert.match(
      String(local('bucket_roles')),
      /custom_role\.objects .*reads = "roles\/storage\.legacyObjectReader"/s,
    );
    const deleting = Object.entries(bucketRights.blobs).filter(([, all]) => all.includes('delete'));
    assert.deepEqual(
      deleting.map(([account]) => account),
      ['collector'],
    );
  });

  it('a secret is read by the functions that are given it, and by who makes it anew', () => {
    const readers = local<Record<string, string[]>>('secret_readers');
    const rotated = local<string[]>('rotated_secrets');
    const found = Object.entries(readers).map(([secret, accounts]) => [
      secret,
      new Set([...accounts, ...(rotated.includes(secret) ? ['keys'] : [])]),
    ]);
    const wanted = Object.entries(secretReaders).map(([secret, all]) => [secret, new Set(all)]);
    assert.deepEqual(new Map(found as [string, unknown][]), new Map(wanted as [string, unknown][]));
    assert.deepEqual(new Set(rotated), new Set(Object.keys(secretWriters)));
  });

  it('what the code says is secret is kept so, and read by whom the code says', () => {
    const readers = local<Record<string, string[]>>('secret_readers');
    for (const [variable, setting] of Object.entries(functionSettings)) {
      const secret = variable
        .replace(/^BERTH_/, '')
        .toLowerCase()
        .replaceAll('_', '-');
      const isSecret = 'secret' in setting && setting.secret;
      if (!isSecret && readers[secret] === undefined) continue;
      assert.deepEqual(new Set(readers[secret]), new Set<string>(setting.readBy), variable);
    }
  });

  it('the database is the registry’s own, and only who relays publishes', () => {
    assert.deepEqual(new Set(local<string[]>('database_users')), new Set(databaseUsers));
    const given = functionSettings.BERTH_DATABASE.readBy.filter((one: string) => one !== 'keys');
    assert.deepEqual(new Set<string>(given), new Set(databaseUsers));
    assert.deepEqual(local('publishers'), publishers);
    const body = identities.resources.get('google_project_iam_member.database');
    const [condition] = (body?.['condition'] ?? [{}]) as [Body];
    assert.match(
      String(condition['expression']),
      /^resource\.name == \\?"projects\/\$\{var\.project\}\/databases\/\$\{var\.database\}\\?"$/,
    );
  });

  it('nothing else is granted anywhere', () => {
    for (const [name, { resources }] of modules) {
      const found: Record<string, string> = {};
      for (const [resource, body] of resources) {
        if (!/^google_\w+_iam_(member|binding|policy)\./.test(resource)) continue;
        const granted = `${body['role']} → ${body['member'] ?? body['members']}`;
        found[resource] = granted.replaceAll(/\$\{|\}/g, '');
      }
      assert.deepEqual(found, grants[name] ?? {}, name);
    }
  });

  it('no role that is all of a project is anybody’s but a person’s, to look', () => {
    for (const [name, { text }] of modules) {
      assert.doesNotMatch(text, /roles\/(owner|editor)"/, name);
      if (name !== 'identities') assert.doesNotMatch(text, /roles\/viewer"/, name);
    }
    const roles = Object.entries(identities.locals).filter(([, value]) =>
      JSON.stringify(value).includes('roles/viewer'),
    );
    assert.deepEqual(
      roles.map(([local]) => local),
      ['operator_roles'],
    );
  });

  it('all the world may call what is behind the load balancer, and nothing else', () => {
    for (const [name, { text }] of modules) {
      assert.doesNotMatch(text, /allAuthenticatedUsers/, name);
      if (name !== 'functions') assert.doesNotMatch(text, /allUsers/, name);
      // Of a service that has a server of its own, the same is said so.
      if (name !== 'streaming-services') assert.doesNotMatch(text, /invoker_iam_disabled/, name);
    }
    const { locals = {}, text = '' } = modules.get('functions') ?? {};
    assert.equal(text.match(/allUsers/g)?.length, 1);
    assert.match(
      String(locals['invokers']),
      /function = name, member = \\?"allUsers\\?" \} if function\.public/,
    );
    const asked = new Set([...routes, ...mirrorRoutes].map((route) => functionOf(route)));
    const answering = targetNames.filter(
      (name) => targets[name].host === 'framework' && asked.has(name),
    );
    const open = Object.entries(basesOf(locals['functions']))
      .filter(([, base]) => base === 'public')
      .map(([name]) => name);
    assert.deepEqual(new Set(open), new Set<string>(answering));
  });
});

/** Function → which of the two it begins with: `${merge(local.public, {…})}`. */
function basesOf(functions: unknown): Record<string, string> {
  const all = (functions ?? {}) as Record<string, string>;
  return Object.fromEntries(
    Object.entries(all).map(([name, text]) => [name, /merge\(local\.(\w+)/.exec(text)?.[1] ?? '']),
  );
}
