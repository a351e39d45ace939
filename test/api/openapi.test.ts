// The admin API's description: it is of this very API, and what it says of bodies and answers is so.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { functionOf, routes } from '#functions/routes.ts';
import { openApiText } from '#infra/openapi/document.ts';
import { createRobot } from '#shared/auth/robots.ts';
import { adminBodyBytesMax } from '#shared/oci/limits.ts';
import { type Answer, send, useRegistry } from '#test/support/calls.ts';
import { adminBasic } from '#test/support/registry.ts';

const file = join(import.meta.dirname, '../../functions/admin/openapi.json');
const text = readFileSync(file, 'utf8');

interface Media {
  readonly content?: { readonly 'application/json'?: { readonly schema: object } };
}
interface Answered extends Media {
  readonly description: string;
  readonly headers?: Readonly<Record<string, object>>;
}
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema: object;
  }[];
  readonly requestBody?: Media & { readonly required: boolean };
  readonly responses: Readonly<Record<string, Answered>>;
}
interface Document {
  readonly openapi: string;
  readonly info: Readonly<Record<string, unknown>>;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>;
    readonly securitySchemes: Readonly<Record<string, object>>;
  };
  readonly security: readonly object[];
}
const document = JSON.parse(text) as Document;
const served = routes.filter((route) => functionOf(route) === 'admin');
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
);

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const ajv = new Ajv2020({ strict: true, formats: { 'date-time': time }, allErrors: false });
ajv.addKeyword('components');
ajv.addSchema({ $id: 'https://berth.test/openapi', components: document.components });

/** A schema of the document; its references begin with a `#`, and are of the document. */
function compile(schema: object): ValidateFunction {
  return ajv.compile(
    JSON.parse(
      JSON.stringify(schema).replaceAll(
        '"#/components/',
        '"https://berth.test/openapi#/components/',
      ),
    ),
  );
}

/** The same, where nothing may be there that it does not tell of. */
function closed(schema: unknown): object {
  return JSON.parse(JSON.stringify(schema), (_, value) =>
    typeof value === 'object' && value !== null && 'properties' in value && value.type === 'object'
      ? { additionalProperties: false, ...value }
      : value,
  );
}

describe('the description of the admin API', () => {
  it('is what the route table and the schemas make it: `npm run openapi` writes it anew', () => {
    assert.equal(text, openApiText());
  });

  it('has every route, and no other', () => {
    assert.deepEqual(
      operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`).toSorted(inOrder),
      served
        .flatMap(({ path, methods }) => methods.map((method) => `${method} ${path}`))
        .toSorted(inOrder),
    );
  });

  it('asks nobody to log in for what needs nothing, and everybody for the rest', () => {
    for (const { path, method, operation } of operations) {
      const route = served.find(
        (one) => one.path === path && one.methods.some((name) => name.toLowerCase() === method),
      );
      const isPublic = (operation.security ?? document.security).length === 0;
      assert.equal(isPublic, route?.needs === 'nothing', path);
      assert.equal('401' in operation.responses, !isPublic, path);
      assert.equal('403' in operation.responses, route?.needs === 'administer', path);
    }
  });

  it('is OpenAPI 3.1: what must be there is', () => {
    assert.match(document.openapi, /^3\.1\.\d+$/);
    assert.ok(typeof document.info['title'] === 'string' && document.info['version'] === '1');
    const methods = ['get', 'put', 'post', 'delete', 'patch'];
    const ids = operations.map(({ operation }) => operation.operationId);
    assert.deepEqual(ids.length, new Set(ids).size, 'each operation has an id of its own');
    for (const requirement of document.security) {
      for (const name of Object.keys(requirement)) {
        assert.ok(name in document.components.securitySchemes, name);
      }
    }
    for (const { path, method, operation } of operations) {
      assert.ok(methods.includes(method) && path.startsWith('/'), path);
      assert.ok(operation.summary !== '', path);
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
      const told = (operation.parameters ?? []).filter((one) => one.in === 'path');
      assert.deepEqual(
        told.map(({ name }) => name),
        inPath,
      );
      assert.ok(told.every(({ required }) => required === true));
      for (const { schema, in: place } of operation.parameters ?? []) {
        assert.ok(['path', 'query', 'header'].includes(place));
        compile(schema);
      }
      for (const [status, { description, content }] of Object.entries(operation.responses)) {
        assert.match(status, /^[2-5]\d\d$/);
        assert.ok(description !== '');
        assert.equal(
          content === undefined,
          status === '204' || status === '304',
          `${path} ${status}`,
        );
      }
    }
  });

  it('has schemas that are some, and no reference that leads nowhere', () => {
    for (const schema of Object.values(document.components.schemas)) compile(schema);
    for (const { operation } of operations) {
      for (const { content } of Object.values(operation.responses)) {
        if (content !== undefined) compile(content['application/json']?.schema ?? assert.fail());
      }
    }
    const used = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
    assert.deepEqual(
      [...new Set(used)].toSorted(inOrder),
      Object.keys(document.components.schemas).toSorted(inOrder),
      'each is used, and there',
    );
  });
});

const inOrder = (a: string | undefined, b: string | undefined): number =>
  (a ?? '') < (b ?? '') ? -1 : 1;

const basic = (username: string, password: string) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
let reader = '';
const registry = useRegistry({}, async ({ services }) => {
  const made = await createRobot(services, { project: 'api', name: 'reader', role: 'reader' });
  reader = basic(made.username, made.secret.secret);
});

it('the description is served to anyone, and once', async () => {
  const call = { method: 'GET', path: '/api/v1/openapi.json', authorization: null };
  const answer = await send(registry().url, call);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.match(answer.headers['cache-control'] ?? '', /^public, max-age=\d+$/);
  assert.deepEqual(JSON.parse(String(answer.body)), document);
  const headers = { 'If-None-Match': answer.headers['etag'] ?? '' };
  const again = await send(registry().url, { ...call, headers });
  assert.deepEqual([again.status, again.body.length], [304, 0]);
  assert.equal(again.headers['etag'], answer.headers['etag']);
  const other = await send(registry().url, { ...call, headers: { 'If-None-Match': '"x"' } });
  assert.equal(other.status, 200);
});

/** What was answered, as `method path status`. */
const answered = new Set<string>();

/** Sends a call, and holds its answer against the description. */
async function ask(
  method: string,
  path: string,
  { status, body, headers = {}, authorization = adminBasic }: Asked,
): Promise<Answer> {
  const sent = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const contentType = { 'Content-Type': 'application/json' };
  const answer = await send(registry().url, {
    method,
    path,
    authorization,
    headers: { ...(body === undefined ? {} : contentType), ...headers },
    body: sent,
  });
  assert.equal(answer.status, status, `${method} ${path}: ${answer.body}`);
  const of = operationOf(method, path);
  answered.add(`${method} ${of.path} ${status}`);
  const told = of.operation.responses[String(status)];
  assert.ok(told !== undefined, `${method} ${of.path} does not tell of ${status}`);
  for (const name of Object.keys(told.headers ?? {})) {
    const isThere = name === 'Link' || answer.headers[name.toLowerCase()] !== undefined;
    assert.ok(isThere, `${method} ${path} has no ${name}`);
  }
  const schema = told.content?.['application/json']?.schema;
  if (schema === undefined) {
    assert.equal(answer.body.length, 0);
    return answer;
  }
  const validate = closedValidator(schema);
  const isSo = validate(JSON.parse(String(answer.body)));
  assert.ok(isSo, `${method} ${path}: ${JSON.stringify(validate.errors)}\n${answer.body}`);
  return answer;
}

interface Asked {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly authorization?: string | null;
}

function operationOf(method: string, path: string) {
  const [plain = ''] = path.split('?');
  const found = operations.find(
    (one) =>
      one.method === method.toLowerCase() &&
      new RegExp(`^${one.path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`).test(plain),
  );
  return found ?? assert.fail(`nothing is told of ${method} ${path}`);
}

const closedAjv = new Ajv2020({ strict: true, formats: { 'date-time': time } });
closedAjv.addKeyword('components');
closedAjv.addSchema({
  $id: 'https://berth.test/openapi',
  components: closed(document.components),
});
function closedValidator(schema: object): ValidateFunction {
  return closedAjv.compile(
    JSON.parse(
      JSON.stringify(closed(schema)).replaceAll(
        '"#/components/',
        '"https://berth.test/openapi#/components/',
      ),
    ),
  );
}

const api = (path: string) => `/api/v1/projects/api/${path}`;
const rule = {
  issuer: 'https://token.actions.githubusercontent.com',
  audience: 'berth',
  claims: { repository: 'acme/app' },
  role: 'writer',
  prefix: 'api/app',
};
const robot = {
  name: 'ci',
  role: 'roles/editor',
  prefix: 'api/app',
  expiresAt: '2030-01-01T00:00:00Z',
  secretExpiresAt: '2030-01-01T00:00:00+01:00',
};
const policy = {
  bindings: [{ role: 'owner', members: ['robot:ci', 'user:ann@example.com'], prefix: 'api/app' }],
  writersDelete: true,
};
const large = `{"bindings":[]${' '.repeat(adminBodyBytesMax)}}`;

describe('what is answered is as the description has it', () => {
  it('where all is well', async () => {
    await ask('GET', '/api/v1/whoami', { status: 200 });
    await ask('GET', '/api/v1/projects', { status: 200 });
    await ask('GET', '/api/v1/projects?n=1&last=a&undecided=true', { status: 200 });
    await ask('GET', api('policy'), { status: 200 });
    const any = { 'If-Match': '*' };
    await ask('PUT', api('policy'), { status: 200, body: policy, headers: any });
    await ask('GET', api('policy'), { status: 200 });
    await ask('POST', api('robots'), { status: 201, body: robot });
    await ask('GET', api('robots'), { status: 200 });
    await ask('GET', api('robots/ci'), { status: 200 });
    await ask('PATCH', api('robots/ci'), { status: 200, body: { expiresAt: null, prefix: null } });
    const made = await ask('POST', api('robots/ci/secrets'), { status: 201 });
    const { id } = JSON.parse(String(made.body));
    await ask('DELETE', api(`robots/ci/secrets/${id}`), { status: 204 });
    await ask('DELETE', api('robots/ci'), { status: 204 });
    await ask('POST', api('federation'), { status: 201, body: { id: 'r', ...rule } });
    await ask('POST', api('federation'), {
      status: 201,
      body: { issuer: rule.issuer, claims: rule.claims },
    });
    await ask('GET', api('federation'), { status: 200 });
    await ask('PUT', api('federation/r'), { status: 200, body: rule });
    await ask('DELETE', api('federation/r'), { status: 204 });
    await ask('GET', api('audit'), { status: 200 });
    await ask('GET', api('audit?n=2'), { status: 200 });
    const description = await ask('GET', '/api/v1/openapi.json', {
      status: 200,
      authorization: null,
    });
    const etag = { 'If-None-Match': description.headers['etag'] ?? '' };
    await ask('GET', '/api/v1/openapi.json', { status: 304, headers: etag });
  });

  it('where it is refused', async () => {
    for (const { path, method, operation } of operations.filter(
      (one) => !('304' in one.operation.responses),
    )) {
      const real = path.replace('{project}', 'api').replace(/\{(robot|secret|rule)\}/g, 'none');
      const call = method.toUpperCase();
      await ask(call, real, { status: 401, authorization: null });
      const has = (status: number) => String(status) in operation.responses;
      if (has(403)) await ask(call, real, { status: 403, authorization: reader });
      if (has(403))
        await ask(call, real.replace('projects/api', 'projects/A'), {
          status: 400,
        });
      const body = operation.requestBody === undefined ? undefined : bodies[path];
      if (has(404)) await ask(call, real, { status: 404, body });
      if (has(413)) await ask(call, real, { status: 413, body: large });
      const type = { 'Content-Type': 'text/plain' };
      if (has(415)) await ask(call, real, { status: 415, body: '{}', headers: type });
      if (has(412)) {
        await ask('POST', api('federation'), { status: 201, body: { ...rule, id: 'none' } });
        const old = { 'If-Match': '"1"' };
        await ask(call, real, { status: 412, headers: old, body });
        await ask('DELETE', api('federation/none'), { status: 204 });
      }
      if (has(400) && !has(403)) await ask(call, `${real}?n=x`, { status: 400 });
    }
    await ask('POST', api('robots'), { status: 201, body: { ...robot, name: 'twice' } });
    await ask('POST', api('robots'), { status: 409, body: { ...robot, name: 'twice' } });
    await ask('POST', api('federation'), { status: 201, body: { ...rule, id: 'twice' } });
    await ask('POST', api('federation'), { status: 409, body: { ...rule, id: 'twice' } });
    for (let n = 0; n < 9; n += 1) await ask('POST', api('robots/twice/secrets'), { status: 201 });
    await ask('POST', api('robots/twice/secrets'), { status: 409 });
  });

  after(() => {
    const told = operations.flatMap(({ path, method, operation }) =>
      Object.keys(operation.responses).map((status) => `${method.toUpperCase()} ${path} ${status}`),
    );
    // What is too much is tested where the rates are.
    const never = told.filter((one) => !answered.has(one) && !one.endsWith(' 429'));
    assert.deepEqual(never, [], 'all that is told of was answered here');
  });
});

const project = '/api/v1/projects/{project}';
/** Path → a body that is good. */
const bodies: Readonly<Record<string, unknown>> = {
  [`${project}/policy`]: policy,
  [`${project}/robots`]: robot,
  [`${project}/robots/{robot}`]: { role: 'reader' },
  [`${project}/robots/{robot}/secrets`]: { expiresAt: '2030-01-01T00:00:00Z' },
  [`${project}/federation`]: rule,
  [`${project}/federation/{rule}`]: rule,
};

/** What may be wrong with a value, and values that stand for it. */
const strange: readonly unknown[] = [
  null,
  7,
  -1.5,
  true,
  '',
  'x',
  '\u0000',
  '\u{1f600}',
  'x'.repeat(3000),
  [],
  [null],
  {},
  { a: 1 },
];

/** A body, once for each thing of it that may be left out, put in another's place, or added. */
function* wrongBodies(good: unknown): Generator<unknown> {
  if (typeof good === 'object' && good !== null) {
    const isList = Array.isArray(good);
    for (const [name, value] of Object.entries(good)) {
      const put = (other: unknown) =>
        isList
          ? good.map((one, at) => (String(at) === name ? other : one))
          : { ...good, [name]: other };
      for (const other of strange) yield put(other);
      if (!isList) {
        const { [name]: _gone, ...rest } = good as Record<string, unknown>;
        yield rest;
      }
      for (const other of wrongBodies(value)) yield put(other);
    }
    if (!isList)
      for (const name of ['x', '__proto__', 'constructor'])
        yield JSON.parse(
          `${JSON.stringify(good).slice(0, -1)}${Object.keys(good).length > 0 ? ',' : ''}"${name}":1}`,
        );
  }
  if (Array.isArray(good)) yield Array.from({ length: 2000 }, () => good[0]);
}

describe('what the description forbids is refused', () => {
  for (const { path, method, operation } of operations) {
    const schema = operation.requestBody?.content?.['application/json']?.schema;
    if (schema === undefined) continue;
    it(`${method.toUpperCase()} ${path}`, async () => {
      const validate = compile(schema);
      const good = bodies[path];
      assert.ok(validate(good), JSON.stringify(validate.errors));
      const real = path.replace('{project}', 'api').replace(/\{(robot|rule)\}/g, 'twice');
      let forbidden = 0;
      for (const body of [...strange, ...wrongBodies(good)]) {
        if (validate(body)) continue;
        forbidden += 1;
        const answer = await send(registry().url, {
          method: method.toUpperCase(),
          path: real,
          headers: { 'Content-Type': 'application/json', 'If-Match': '*' },
          body: JSON.stringify(body),
        });
        const shown = JSON.stringify(body).slice(0, 200);
        assert.equal(answer.status, 400, `${shown}: ${answer.body}`);
        assert.ok(answer.body.length < 1000, shown);
      }
      assert.ok(forbidden >= 15, `${forbidden}`);
    });
  }
});
