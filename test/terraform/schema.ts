// Holds configuration against the provider's schema, as `terraform validate` does where the provider can be installed.

import type { Blocks, TerraformFile } from './hcl.ts';
import { attribute, type Kind, readSchema, type Schema, type Type } from './provider-schema.ts';

/** What the provider has changed between 6.50, whose schema we have, and 7, which is used. */
export interface Change {
  readonly kind: 'resource' | 'data';
  readonly type: string;
  /** From the resource down; left out for the resource as a whole. */
  readonly path?: readonly string[];
  readonly change:
    | 'removed'
    /** From then on only told by the provider. */
    | 'computed'
    | 'required'
    | { readonly added: Type }
    | { readonly retyped: Type };
  readonly why: string;
}

export const changes: readonly Change[] = [
  {
    kind: 'resource',
    type: 'google_cloud_run_v2_service',
    path: ['default_uri_disabled'],
    change: { added: 'bool' },
    why: 'in google-beta only until magic-modules#15256, of September 2025',
  },
  {
    kind: 'resource',
    type: 'google_cloudfunctions2_function',
    path: ['service_config', 'service'],
    change: 'computed',
    why: '7.0 upgrade guide: from an argument to an attribute',
  },
  {
    kind: 'resource',
    type: 'google_cloudfunctions2_function',
    path: ['event_trigger', 'event_type'],
    change: 'required',
    why: '7.0 upgrade guide',
  },
  {
    kind: 'resource',
    type: 'google_storage_bucket',
    path: ['retention_policy', 'retention_period'],
    change: { retyped: 'string' },
    why: '7.0 upgrade guide: for more seconds than a number of theirs holds',
  },
  {
    kind: 'resource',
    type: 'google_compute_subnetwork',
    path: ['enable_flow_logs'],
    change: 'removed',
    why: '7.0 upgrade guide: log_config is what is left',
  },
  {
    kind: 'data',
    type: 'google_service_account_key',
    path: ['project'],
    change: 'removed',
    why: '7.0 upgrade guide',
  },
  {
    kind: 'resource',
    type: 'google_cloud_run_v2_worker_pool',
    path: ['template', 'containers', 'depends_on'],
    change: 'removed',
    why: '7.0 upgrade guide: Cloud Run does not support it there',
  },
  {
    kind: 'resource',
    type: 'google_notebooks_location',
    change: 'removed',
    why: '7.0 upgrade guide: it did nothing',
  },
  {
    kind: 'resource',
    type: 'google_tpu_node',
    change: 'removed',
    why: '7.0 upgrade guide: google_tpu_v2_vm is what is left',
  },
  {
    kind: 'resource',
    type: 'google_beyondcorp_application',
    change: 'removed',
    why: '7.0 upgrade guide: google_beyondcorp_security_gateway_application is what is left',
  },
];

const schemas = new Map<string, Schema | undefined>();

/** The schema of provider 7 of that type; `undefined` when there is none. */
export function schemaOf(kind: Kind, type: string): Schema | undefined {
  const key = `${kind} ${type}`;
  if (!schemas.has(key)) {
    const schema = readSchema(kind, type);
    const ofType = changes.filter((change) => change.kind === kind && change.type === type);
    for (const change of ofType) if (schema !== undefined) apply(change, schema);
    const isGone = ofType.some(({ path, change }) => path === undefined && change === 'removed');
    schemas.set(key, isGone ? undefined : schema);
  }
  return schemas.get(key);
}

/** Where in a schema a change is made: the block, and the name in it; `undefined` when there is no such block. */
function placeOf(path: readonly string[], schema: Schema): [Schema, string] | undefined {
  const [name = '', ...rest] = path;
  if (rest.length === 0) return [schema, name];
  const block = schema.blocks.get(name);
  return block && placeOf(rest, block.schema);
}

/** Whether provider 6.50 had what was changed, or, for what was added, did not have it. */
export function isChange({ kind, type, path, change }: Change): boolean {
  const schema = readSchema(kind, type);
  if (schema === undefined) return false;
  if (path === undefined) return change === 'removed';
  const place = placeOf(path, schema);
  if (place === undefined) return false;
  const [{ attributes }, name] = place;
  const before = attributes.get(name);
  if (typeof change !== 'string' && 'added' in change) return before === undefined;
  if (before === undefined) return false;
  if (change === 'computed') return before.optional || before.required;
  if (change === 'required') return !before.required;
  return change === 'removed' || before.type !== change.retyped;
}

function apply({ path, change }: Change, schema: Schema): void {
  const place = path && placeOf(path, schema);
  if (place === undefined) return;
  const [{ attributes }, name] = place;
  const before = attributes.get(name);
  if (change === 'removed') attributes.delete(name);
  else if (typeof change !== 'string' && 'added' in change)
    attributes.set(name, attribute(change.added, 'optional'));
  else if (before === undefined) return;
  else if (typeof change !== 'string') attributes.set(name, { ...before, type: change.retyped });
  else attributes.set(name, { ...before, ...attribute(before.type, change) });
}

/** What Terraform itself takes in each block of that kind. */
const metaArguments: Readonly<Record<Kind, readonly string[]>> = {
  resource: ['count', 'for_each', 'provider', 'depends_on'],
  data: ['count', 'for_each', 'provider', 'depends_on'],
  provider: ['alias'],
};
const conditions = ['precondition', 'postcondition'];
const lifecycle: Readonly<Record<Kind, readonly string[]>> = {
  resource: [
    'create_before_destroy',
    'prevent_destroy',
    'ignore_changes',
    'replace_triggered_by',
    ...conditions,
  ],
  data: conditions,
  provider: [],
};

type Body = Readonly<Record<string, unknown>>;

/** What is wrong in the file, a line for each: where, and what. */
export function findSchemaErrors(file: TerraformFile): string[] {
  const errors: string[] = [];
  for (const kind of ['resource', 'data'] as const) {
    for (const [type, named] of entries(file.blocks[kind])) {
      for (const [name, bodies] of entries(named)) {
        const address = `${kind === 'data' ? 'data.' : ''}${type}.${name}`;
        const source = sourceOf(file.text, `${kind} "${type}" "${name}"`);
        for (const body of bodies as Body[]) {
          errors.push(
            ...checkBlock({ kind, type, body, source }).map(
              (error) => `${file.path}: ${address}: ${error}`,
            ),
          );
        }
      }
    }
  }
  for (const [name, bodies] of entries(file.blocks['provider'])) {
    for (const body of bodies as Body[]) {
      const source = sourceOf(file.text, `provider "${name}"`);
      errors.push(
        ...checkBlock({ kind: 'provider', type: name, body, source }).map(
          (error) => `${file.path}: provider ${name}: ${error}`,
        ),
      );
    }
  }
  return errors;
}

function entries(value: unknown): [string, unknown][] {
  return Object.entries((value ?? {}) as Blocks);
}

/** A block's text: what is formatted ends with the first brace at the beginning of a line. */
function sourceOf(text: string, header: string): string {
  const start = text.indexOf(`${header} {`);
  const end = text.indexOf('\n}', start);
  return start === -1 ? '' : text.slice(start, end === -1 ? undefined : end);
}

interface TopBlock {
  readonly kind: Kind;
  readonly type: string;
  readonly body: Body;
  readonly source: string;
}

function checkBlock({ kind, type, body, source }: TopBlock): string[] {
  const schema = schemaOf(kind, type);
  if (schema === undefined) return [`there is no ${kind} of type ${type}`];
  const own = Object.entries(body).filter(
    ([name]) =>
      !metaArguments[kind].includes(name) &&
      !['lifecycle', 'provisioner', 'connection'].includes(name),
  );
  return [
    ...checkBody(Object.fromEntries(own), schema, { path: [], depth: 1, source }),
    ...checkLifecycle(kind, body['lifecycle'], schema),
    ...(kind === 'resource' ? [] : unexpected(body, ['provisioner', 'connection'])),
    ...('count' in body && 'for_each' in body ? ['has both count and for_each'] : []),
  ];
}

function unexpected(body: Body, names: readonly string[]): string[] {
  return names.filter((name) => name in body).map((name) => `${name} is not taken here`);
}

function checkLifecycle(kind: Kind, blocks: unknown, schema: Schema): string[] {
  const errors: string[] = [];
  for (const block of (blocks ?? []) as Body[]) {
    for (const [name, value] of Object.entries(block)) {
      if (!lifecycle[kind].includes(name)) errors.push(`lifecycle.${name} is unknown`);
      if (name !== 'ignore_changes' || !Array.isArray(value)) continue;
      for (const ignored of value as string[]) {
        const [, root = ''] = /^(?:\$\{)?(\w+)/.exec(ignored) ?? [];
        if (!schema.attributes.has(root) && !schema.blocks.has(root))
          errors.push(`lifecycle.ignore_changes names ${root}, which is unknown`);
      }
    }
  }
  return errors;
}

interface Place {
  readonly path: readonly string[];
  /** How deep what is in the block is indented, in steps of two. */
  readonly depth: number;
  readonly source: string;
}

function checkBody(body: Body, schema: Schema, place: Place): string[] {
  const errors: string[] = [];
  const tell = (name: string, what: string) =>
    errors.push(`${[...place.path, name].join('.')} ${what}`);
  const { dynamic, ...written } = body;
  for (const [name, value] of Object.entries(written)) {
    const attribute = schema.attributes.get(name);
    const block = schema.blocks.get(name);
    if (attribute !== undefined) {
      if (!attribute.optional && !attribute.required)
        tell(name, 'is only told, and cannot be given');
      else if (isBlocks(value) && !isArgument(name, place))
        tell(name, 'is an argument, not a block');
      else
        for (const error of checkValue(value, attribute.type, attribute.values)) tell(name, error);
    } else if (block === undefined) {
      tell(name, 'is unknown');
    } else if (!isBlocks(value) || isArgument(name, place)) {
      tell(name, 'is a block, not an argument');
    } else {
      if (!block.many && value.length > 1) tell(name, 'is written more than once');
      const path = [...place.path, name];
      for (const inner of value)
        errors.push(...checkBody(inner, block.schema, { ...place, path, depth: place.depth + 1 }));
    }
  }
  for (const [name, blocks] of entries(dynamic)) {
    const block = schema.blocks.get(name);
    if (block === undefined) {
      tell(name, schema.attributes.has(name) ? 'is an argument, not a block' : 'is unknown');
      continue;
    }
    for (const { content, for_each, iterator, labels, ...rest } of blocks as Body[]) {
      const path = [...place.path, name];
      for (const other of Object.keys(rest)) tell(name, `is dynamic, and does not take ${other}`);
      if (for_each === undefined) tell(name, 'is dynamic without for_each');
      if (!isBlocks(content)) tell(name, 'is dynamic without content');
      else
        errors.push(
          ...checkBody(content[0] ?? {}, block.schema, { ...place, path, depth: place.depth + 2 }),
        );
    }
  }
  for (const [name, { required }] of schema.attributes)
    if (required && (written[name] ?? null) === null) tell(name, 'is missing');
  for (const [name, { required }] of schema.blocks)
    if (required && !(name in written) && !entries(dynamic).some(([given]) => given === name))
      tell(name, 'is missing');
  return errors;
}

/** A list of objects looks like blocks in what the parser gives: there only the text tells which it was. */
function isBlocks(value: unknown): value is Body[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => typeof item === 'object' && item !== null && !Array.isArray(item))
  );
}

function isArgument(name: string, { depth, source }: Place): boolean {
  return new RegExp(`^ {${2 * depth}}${name} *=`, 'm').test(source);
}

/** What is wrong with a value, as far as it is a literal. Terraform turns texts into numbers and numbers into texts itself. */
function checkValue(value: unknown, type: Type, values?: readonly string[]): string[] {
  if (value === null || type === 'dynamic') return [];
  if (typeof type === 'string') return checkPrimitive(value, type, values);
  const [form, element] = type;
  if (typeof value === 'string')
    return isExpression(value) && !/^\$\{\s*"/.test(value) ? [] : [`is a text, not a ${form}`];
  if (typeof value !== 'object') return [`is ${JSON.stringify(value)}, not a ${form}`];
  if (form === 'map') {
    if (Array.isArray(value)) return ['is a list, not a map'];
    return Object.values(value).flatMap((item) => checkValue(item, element));
  }
  if (!Array.isArray(value)) return [`is a map, not a ${form}`];
  if (form !== 'objects') return value.flatMap((item) => checkValue(item, element));
  const place = { path: [], depth: 0, source: '' };
  return value.flatMap((item) => (typeof item === 'object' ? checkBody(item, element, place) : []));
}

function checkPrimitive(
  value: unknown,
  type: 'string' | 'number' | 'bool',
  values: readonly string[] | undefined,
): string[] {
  if (typeof value === 'object')
    return [`is a ${Array.isArray(value) ? 'list' : 'map'}, not a ${type}`];
  if (typeof value === 'string' && isExpression(value))
    return /^\$\{\s*[[{]/.test(value) ? [`is a list or a map, not a ${type}`] : [];
  const text = String(value);
  if (type === 'number' && !/^-?\d+(\.\d+)?$/.test(text))
    return [`is ${JSON.stringify(value)}, not a number`];
  if (type === 'bool' && text !== 'true' && text !== 'false')
    return [`is ${JSON.stringify(value)}, not a bool`];
  if (values !== undefined && !values.includes(text))
    return [`is ${JSON.stringify(value)}, which is none of ${values.join(', ')}`];
  return [];
}

/** It has a part that is computed. */
export function isExpression(text: string): boolean {
  return /(?<![$%])(?:\$\$|%%)*[$%]\{/.test(text);
}
