// What the provider takes and tells, of each type of resource and data: read from the types that cdktf has generated
// from its schema. They are as regular as what a program writes, and each file of JavaScript carries their source in its
// source map, with comments by which computed attributes are known from others.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packages } from './hcl.ts';

export type Primitive = 'string' | 'number' | 'bool';

/** As Terraform writes types; `dynamic` is any, and an object is what a block would be, written as an argument. */
export type Type =
  | Primitive
  | 'dynamic'
  | readonly ['list' | 'set' | 'map', Primitive]
  | readonly ['objects', Schema];

export interface Attribute {
  readonly type: Type;
  readonly required: boolean;
  /** It can be given. */
  readonly optional: boolean;
  /** The provider tells it, where it is not given. */
  readonly computed: boolean;
  /** All that a text may be, where the documentation tells. */
  readonly values: readonly string[] | undefined;
}

export interface NestedBlock {
  readonly schema: Schema;
  readonly nesting: 'single' | 'list' | 'set';
  readonly required: boolean;
  /** More than one may be written. */
  readonly many: boolean;
}

export interface Schema {
  readonly attributes: Map<string, Attribute>;
  readonly blocks: Map<string, NestedBlock>;
}

export type Kind = 'resource' | 'data' | 'provider';

/** One of Terraform's own, which no provider describes. */
const terraformData: Schema = {
  attributes: new Map<string, Attribute>([
    ['id', attribute('string', 'computed')],
    ['input', attribute('dynamic', 'optional')],
    ['output', attribute('dynamic', 'computed')],
    ['triggers_replace', attribute('dynamic', 'optional')],
  ]),
  blocks: new Map(),
};

export function attribute(type: Type, is: 'required' | 'optional' | 'computed'): Attribute {
  return {
    type,
    required: is === 'required',
    optional: is === 'optional',
    computed: is === 'computed',
    values: undefined,
  };
}

/** The schema of provider 6.50 of that type; `undefined` when there is none. */
export function readSchema(kind: Kind, type: string): Schema | undefined {
  if (kind === 'resource' && type === 'terraform_data') return terraformData;
  if (packages === undefined)
    throw new Error('the packages of test/terraform/provider are not installed');
  const name = type.replace(/^google_/, '').replaceAll('_', '-');
  const directory = { resource: name, data: `data-google-${name}`, provider: 'provider' }[kind];
  const file = join(packages, '@cdktf/provider-google/lib', directory, 'index.js');
  if (!existsSync(file)) return undefined;
  const source = sourceOf(readFileSync(file, 'utf8'));
  if (!source.includes(`tfResourceType = "${type}"`)) return undefined;
  const [, main = ''] = /export class (\w+) extends cdktf\.Terraform\w+ /.exec(source) ?? [];
  const interfaces = byName(source, /^export interface (\w+)[^{\n]* \{\n([\s\S]*?)^\}/gm);
  const classes = byName(source, /^export class (\w+) extends [^{\n]* \{\n([\s\S]*?)^\}/gm);
  return schemaOf(`${main}Config`, main, interfaces, classes);
}

function sourceOf(script: string): string {
  const [, encoded = ''] =
    /sourceMappingURL=data:application\/json;base64,(\S+)\s*$/.exec(script) ?? [];
  const { sourcesContent } = JSON.parse(Buffer.from(encoded, 'base64').toString()) as {
    sourcesContent: string[];
  };
  return sourcesContent[0] ?? '';
}

function byName(source: string, pattern: RegExp): Map<string, string> {
  return new Map([...source.matchAll(pattern)].map(([, name = '', body = '']) => [name, body]));
}

const member =
  /\/\/ (\w+) - computed: (true|false), optional: (true|false), required: (true|false)\n([\s\S]*?)(?=\n {2}\/\/ \w+ - computed|$)/g;

function schemaOf(
  interfaceName: string,
  className: string,
  interfaces: ReadonlyMap<string, string>,
  classes: ReadonlyMap<string, string>,
): Schema {
  const schema: Schema = { attributes: new Map(), blocks: new Map() };
  const documentation = documentationOf(interfaces.get(interfaceName) ?? '');
  for (const [, name = '', computed, optional, required, code = ''] of (
    classes.get(className) ?? ''
  ).matchAll(member)) {
    const documented = documentation.get(name) ?? '';
    const nested = /= new (\w+?)(List|OutputReference)\(this, "\w+"(?:, (true|false))?\)/.exec(
      code,
    );
    const is = {
      computed: computed === 'true',
      optional: optional === 'true',
      required: required === 'true',
    };
    if (nested === null) {
      schema.attributes.set(name, { type: typeOf(code), ...is, values: valuesOf(documented) });
      continue;
    }
    const [, inner = '', form, isSet] = nested;
    const innerSchema = schemaOf(inner, `${inner}OutputReference`, interfaces, classes);
    if (/^\w+ block$/m.test(documented)) {
      schema.blocks.set(name, {
        schema: innerSchema,
        nesting: name === 'timeouts' ? 'single' : isSet === 'true' ? 'set' : 'list',
        required: is.required,
        many: form === 'List',
      });
    } else {
      schema.attributes.set(name, {
        type: ['objects', innerSchema],
        ...is,
        values: undefined,
      });
    }
  }
  return schema;
}

/** Argument → what is said of it. */
function documentationOf(text: string): Map<string, string> {
  const documentation = new Map<string, string>();
  for (const [, comment = ''] of text.matchAll(/\/\*\*\n([\s\S]*?)\*\//g)) {
    const [, name] = /\{@link \S+ \w+#(\w+)\}/.exec(comment) ?? [];
    if (name !== undefined) documentation.set(name, comment.replaceAll(/^ *\* ?/gm, ''));
  }
  return documentation;
}

function valuesOf(documented: string): string[] | undefined {
  const [, list] = /Possible values: \[([^\]]*)\]/.exec(documented) ?? [];
  return list === undefined ? undefined : [...list.matchAll(/"([^"]*)"/g)].map(([, v = '']) => v);
}

const getters: readonly (readonly [RegExp, Type])[] = [
  [/getStringAttribute\(/, 'string'],
  [/getNumberAttribute\(/, 'number'],
  [/getBooleanAttribute\(/, 'bool'],
  [/Fn\.tolist\(this\.getListAttribute\(/, ['set', 'string']],
  [/Fn\.tolist\(this\.getNumberListAttribute\(/, ['set', 'number']],
  [/getListAttribute\(/, ['list', 'string']],
  [/getNumberListAttribute\(/, ['list', 'number']],
  [/getStringMapAttribute\(|new cdktf\.StringMap\(/, ['map', 'string']],
  [/getNumberMapAttribute\(|new cdktf\.NumberMap\(/, ['map', 'number']],
  [/getBooleanMapAttribute\(|new cdktf\.BooleanMap\(/, ['map', 'bool']],
  [/getAnyMapAttribute\(|new cdktf\.AnyMap\(/, 'dynamic'],
  // The provider's own arguments have no attributes: their field tells.
  [/private _\w+\??: string \|/, 'string'],
  [/private _\w+\??: number \|/, 'number'],
  [/private _\w+\??: boolean \|/, 'bool'],
  [/private _\w+\??: string\[\] \|/, ['list', 'string']],
  [/private _\w+\??: \{ \[key: string\]: string \} \|/, ['map', 'string']],
];

function typeOf(code: string): Type {
  return getters.find(([pattern]) => pattern.test(code))?.[1] ?? 'dynamic';
}
