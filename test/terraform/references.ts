// Whether all that the configuration names is there, and all that is there is named. Terraform asks the first of these
// too, but only where its provider can be installed.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseExpression, type Syntax, type TerraformFile, terraformRoot } from './hcl.ts';
import type { Schema } from './provider-schema.ts';
import { isExpression, schemaOf } from './schema.ts';

/** Function of Terraform → how many arguments it takes, at least and at most (`terraform metadata functions -json`). */
const functions = JSON.parse(
  readFileSync(join(import.meta.dirname, 'functions.json'), 'utf8'),
) as Readonly<Record<string, readonly [number, number | null]>>;

/** Directory below infra/terraform, '' for the root → its files. */
export type Modules = ReadonlyMap<string, readonly TerraformFile[]>;

type Body = Readonly<Record<string, unknown>>;

/** A block that can be named, and what names others. */
interface Thing {
  /** `var.x`, `local.x`, `module.x`, `output.x`, `data.t.x`, `t.x`; and what cannot be named: `provider.x`. */
  readonly name: string;
  readonly body: Body;
  readonly file: string;
}

interface Module {
  readonly directory: string;
  readonly things: ReadonlyMap<string, Thing>;
}

/** `[…]` for what is taken out of a list or a map, `[*]` for each of it. */
type Step = { readonly name: string } | { readonly index: '[…]' | '[*]' };
type Chain = readonly Step[];

interface Reference {
  readonly chain: Chain;
  /** As it is written. */
  readonly text: string;
}

interface Found {
  readonly references: Reference[];
  readonly errors: string[];
}

/** What is wrong with all the modules together, a line for each. */
export async function findReferenceErrors(files: Modules): Promise<string[]> {
  const modules = new Map(
    [...files].map(([directory, own]) => [directory, moduleOf(directory, own)]),
  );
  const errors: string[] = [];
  const graph = new Map<string, Set<string>>();
  const used = new Set<string>();

  for (const module of modules.values()) {
    for (const thing of module.things.values()) {
      const tell = (error: string) => errors.push(`${thing.file}: ${thing.name}: ${error}`);
      const found = await findReferences(thing, module.directory);
      for (const error of found.errors) tell(error);
      const edges = new Set<string>();
      for (const reference of found.references) {
        const error = errorOf(reference, module, modules);
        if (error !== undefined) tell(error);
        const target = targetOf(reference.chain);
        used.add(`${module.directory}|${target}`);
        for (const node of nodesOf(reference.chain, module, modules)) edges.add(node);
        const [outputOf] = outputsOf(reference.chain, module, modules);
        if (outputOf !== undefined) used.add(outputOf);
      }
      // What a variable is held against names the variable.
      const node = `${module.directory}|${thing.name}`;
      if (thing.name.startsWith('var.')) edges.delete(node);
      graph.set(node, edges);
      if (thing.name.startsWith('module.'))
        for (const error of checkCall(thing, modules)) tell(error);
    }
  }
  await addCalls(modules, graph);
  errors.push(...unused(modules, used), ...undescribed(modules));
  const cycle = findCycle(graph);
  if (cycle !== undefined)
    errors.push(`goes round in a circle: ${cycle.map(nameOfNode).join(' -> ')}`);
  return errors;
}

function entries(value: unknown): [string, unknown][] {
  return Object.entries((value ?? {}) as Body);
}

function moduleOf(directory: string, files: readonly TerraformFile[]): Module {
  const things = new Map<string, Thing>();
  const add = (name: string, body: unknown, file: string) =>
    things.set(name, { name, body: body as Body, file });
  for (const { path, blocks } of files) {
    for (const [label, prefix] of [
      ['variable', 'var'],
      ['output', 'output'],
      ['module', 'module'],
      ['provider', 'provider'],
    ] as const)
      for (const [name, [body]] of entries(blocks[label]) as [string, Body[]][])
        add(`${prefix}.${name}`, body, path);
    for (const locals of (blocks['locals'] ?? []) as Body[])
      for (const [name, value] of Object.entries(locals)) add(`local.${name}`, { value }, path);
    for (const [kind, prefix] of [
      ['resource', ''],
      ['data', 'data.'],
    ] as const)
      for (const [type, named] of entries(blocks[kind]))
        for (const [name, [body]] of entries(named) as [string, Body[]][])
          add(`${prefix}${type}.${name}`, body, path);
  }
  return { directory, things };
}

/** All that a block names. */
async function findReferences(thing: Thing, directory: string): Promise<Found> {
  const found: Found = { references: [], errors: [] };
  const { body } = thing;
  const isInstance = 'for_each' in body ? 'each' : 'count' in body ? 'count' : undefined;
  await walk(body, [isInstance, thing.name.startsWith('var.') ? undefined : 'self']);

  async function walk(value: unknown, locals: readonly (string | undefined)[]): Promise<void> {
    if (typeof value === 'string') {
      if (!isExpression(value)) return;
      const syntax = await parseExpression(thing.name, value);
      const scope = new Map<string, Chain | undefined>();
      for (const local of locals) if (local !== undefined) scope.set(local, undefined);
      collect(syntax, scope, found, directory);
    } else if (Array.isArray(value)) {
      for (const item of value) await walk(item, locals);
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value)) {
        // Types are no values, and changes that are ignored are named from the resource on.
        if (key === 'type' && thing.name.startsWith('var.')) continue;
        if (key === 'ignore_changes' || key === 'iterator' || key === 'providers') continue;
        if (key === 'dynamic') await walkDynamic(item as Body, locals);
        else {
          await walk(key, locals);
          await walk(item, locals);
        }
      }
    }
  }

  async function walkDynamic(blocks: Body, locals: readonly (string | undefined)[]): Promise<void> {
    for (const [label, bodies] of Object.entries(blocks))
      for (const { iterator, ...rest } of bodies as Body[]) {
        const name =
          iterator === undefined ? label : String(iterator).replace(/^\$\{(\w+)\}$/, '$1');
        await walk(rest, [...locals, name]);
      }
  }
  return found;
}

/** Adds what a part of an expression names. In `scope` are names of its own: each with what it is an element of. */
function collect(
  syntax: Syntax,
  scope: ReadonlyMap<string, Chain | undefined>,
  found: Found,
  directory: string,
): void {
  const { type, meta, children } = syntax;
  const chain = chainOf(syntax);
  if (chain !== undefined) {
    const [root] = chain;
    const name = root !== undefined && 'name' in root ? root.name : '';
    const elementOf = scope.get(name);
    const text = meta?.value ?? '';
    if (!scope.has(name)) found.references.push({ chain, text });
    else if (elementOf !== undefined)
      found.references.push({ chain: [...elementOf, ...chain.slice(1)], text });
    // Only what is in brackets is left.
    for (const child of keysOf(syntax)) collect(child, scope, found, directory);
    return;
  }
  if (type === 'function') {
    found.errors.push(...checkCallOf(syntax), ...checkFile(syntax, directory));
  }
  if (type === 'for') {
    const [collection, ...rest] = children;
    if (collection !== undefined) collect(collection, scope, found, directory);
    const of = collection && chainOf(collection);
    const inner = new Map(scope);
    if (meta?.keyVar) inner.set(meta.keyVar, undefined);
    if (meta?.valVar)
      inner.set(meta.valVar, of && isWhole(of, scope) ? [...of, { index: '[…]' }] : undefined);
    for (const child of rest) collect(child, inner, found, directory);
    return;
  }
  for (const child of children) collect(child, scope, found, directory);
}

/** A resource with instances, of which each is gone through. */
function isWhole(chain: Chain, scope: ReadonlyMap<string, unknown>): boolean {
  const [root] = chain;
  if (root === undefined || !('name' in root) || scope.has(root.name)) return false;
  if (['var', 'local', 'module', 'each', 'count', 'path', 'terraform', 'self'].includes(root.name))
    return false;
  return chain.length === (root.name === 'data' ? 3 : 2);
}

/** What is named and gone into, `undefined` for what is no such thing. */
function chainOf({ type, meta, children }: Syntax): Chain | undefined {
  const steps = (meta?.traversal ?? []).map(
    ({ type, segment }): Step => (type === 'nameTraversal' ? { name: segment } : { index: '[…]' }),
  );
  if (type === 'scopeTraversal') return steps;
  const [source, each] = children;
  const before = source && chainOf(source);
  if (before === undefined) return undefined;
  if (type === 'relativeTraversal') return [...before, ...steps];
  if (type === 'index') return [...before, { index: '[…]' }];
  if (type === 'splat') {
    const after = (each?.meta?.traversal ?? []).map(
      (part): Step => (part.type === 'nameTraversal' ? { name: part.segment } : { index: '[…]' }),
    );
    return [...before, { index: '[*]' }, ...after];
  }
  return undefined;
}

function keysOf({ type, children }: Syntax): Syntax[] {
  const [source, key] = children;
  const before = source === undefined ? [] : keysOf(source);
  return type === 'index' && key !== undefined ? [...before, key] : before;
}

function checkCallOf({ meta }: Syntax): string[] {
  const name = meta?.name ?? '';
  const known = functions[name.replace(/^core::/, '')];
  if (known === undefined) return [`there is no function ${name}`];
  const [least, most] = known;
  const given = meta?.argsRanges?.length ?? 0;
  if (meta?.expandedFinalArgument) return [];
  const isRight = given >= least && (most === null || given <= most);
  return isRight ? [] : [`${name} does not take ${given} arguments`];
}

const fileFunctions =
  /^(file|filebase64|filemd5|filesha\d+|filebase64sha\d+|templatefile|fileset)$/;

/** A file of the module's own that is read is there. */
function checkFile({ meta, children }: Syntax, directory: string): string[] {
  if (!fileFunctions.test(meta?.name ?? '')) return [];
  const [path] = children;
  const [first, second, ...more] = path?.children ?? [];
  if (first?.meta?.value !== 'path.module' || second === undefined || more.length > 0) return [];
  const file = join('.', directory, second.meta?.value ?? '');
  return second.type !== 'literalValue' || existsSync(join(terraformRoot, file))
    ? []
    : [`reads ${file}, which is not there`];
}

function nameAt(chain: Chain, at: number): string {
  const step = chain[at];
  return step !== undefined && 'name' in step ? step.name : '';
}

/** The name of the thing that a reference leads to. */
function targetOf(chain: Chain): string {
  const root = nameAt(chain, 0);
  const length = root === 'data' ? 3 : 2;
  return Array.from({ length }, (_, at) => nameAt(chain, at)).join('.');
}

const always: Readonly<Record<string, readonly string[]>> = {
  path: ['module', 'root', 'cwd'],
  terraform: ['workspace', 'applying'],
};

function errorOf(
  { chain, text }: Reference,
  module: Module,
  modules: ReadonlyMap<string, Module>,
): string | undefined {
  const root = nameAt(chain, 0);
  if (root === 'each' || root === 'count')
    return `names ${text}, and has no ${root === 'each' ? 'for_each' : 'count'}`;
  if (root in always)
    return always[root]?.includes(nameAt(chain, 1)) ? undefined : `names ${text}, which is unknown`;
  const target = targetOf(chain);
  const named = module.things.get(target);
  if (named === undefined || root === 'output') return `names ${target}, which is not there`;
  if (root === 'module') {
    const output = nameAt(chain, 2);
    const called = calledBy(named, modules);
    // In depends_on the module is named as a whole.
    return output === '' || called?.things.has(`output.${output}`)
      ? undefined
      : `names ${text}, but the module has no output ${output}`;
  }
  if (root === 'var' || root === 'local') return undefined;
  return errorOfResource(chain, text, named);
}

function errorOfResource(chain: Chain, text: string, named: Thing): string | undefined {
  const isData = nameAt(chain, 0) === 'data';
  const [type, rest] = isData
    ? [nameAt(chain, 1), chain.slice(3)]
    : [nameAt(chain, 0), chain.slice(2)];
  const schema = schemaOf(isData ? 'data' : 'resource', type);
  // That there is no such type is told elsewhere.
  if (schema === undefined || rest.length === 0) return undefined;
  const hasInstances = 'for_each' in named.body || 'count' in named.body;
  const [first] = rest;
  const isIndexed = first !== undefined && 'index' in first;
  if (hasInstances && !isIndexed) return `names ${text}, of which there are many`;
  if (!hasInstances && isIndexed && first.index !== '[*]')
    return `names ${text}, of which there is one`;
  return errorIn(schema, isIndexed ? rest.slice(1) : rest, text);
}

function errorIn(schema: Schema, [first, ...rest]: Chain, text: string): string | undefined {
  if (first === undefined) return undefined;
  if (!('name' in first)) return `names ${text}, which goes into what is no list`;
  const attribute = schema.attributes.get(first.name);
  const block = schema.blocks.get(first.name);
  const [next, ...after] = rest;
  if (attribute !== undefined) {
    const { type } = attribute;
    if (next === undefined || type === 'dynamic' || type[0] === 'map') return undefined;
    if (typeof type === 'string') return `names ${text}, which goes into a ${type}`;
    if (!('index' in next)) return `names ${text}, without saying which of ${first.name}`;
    if (type[0] === 'objects') return errorIn(type[1], after, text);
    return type[0] === 'set' && next.index !== '[*]'
      ? `names ${text}, but a set has no order`
      : undefined;
  }
  if (block === undefined) return `names ${text}, but there is no ${first.name}`;
  if (block.nesting === 'single' || next === undefined) return errorIn(block.schema, rest, text);
  if (!('index' in next)) return `names ${text}, without saying which of ${first.name}`;
  if (block.nesting === 'set' && next.index !== '[*]')
    return `names ${text}, but a set has no order`;
  return errorIn(block.schema, after, text);
}

function calledBy(call: Thing, modules: ReadonlyMap<string, Module>): Module | undefined {
  const directory = join(directoryOf(call), String(call.body['source']));
  return modules.get(directory === '.' ? '' : directory);
}

function directoryOf({ file }: Thing): string {
  return file.includes('/') ? file.slice(0, file.lastIndexOf('/')) : '';
}

const ofCalls = ['source', 'version', 'providers', 'depends_on', 'count', 'for_each'];

function checkCall(call: Thing, modules: ReadonlyMap<string, Module>): string[] {
  const called = calledBy(call, modules);
  if (called === undefined) return [`there is no module in ${call.body['source']}`];
  const errors = Object.keys(call.body)
    .filter((name) => !ofCalls.includes(name) && !called.things.has(`var.${name}`))
    .map((name) => `the module takes no ${name}`);
  for (const { name, body } of called.things.values()) {
    const [kind, variable = ''] = name.split('.');
    if (kind === 'var' && !('default' in body) && !(variable in call.body))
      errors.push(`the module needs ${variable}`);
  }
  return errors;
}

/** The node of the output that a reference leads to, where it is one. */
function outputsOf(chain: Chain, module: Module, modules: ReadonlyMap<string, Module>): string[] {
  const call = module.things.get(targetOf(chain));
  if (nameAt(chain, 0) !== 'module' || call === undefined) return [];
  const called = calledBy(call, modules);
  const output = nameAt(chain, 2);
  return called === undefined || output === '' ? [] : [`${called.directory}|output.${output}`];
}

/** What has to be there before what names it: for a module as a whole, all that is in it. */
function nodesOf(chain: Chain, module: Module, modules: ReadonlyMap<string, Module>): string[] {
  const target = targetOf(chain);
  const call = module.things.get(target);
  if (call === undefined) return [];
  const output = outputsOf(chain, module, modules);
  if (nameAt(chain, 0) !== 'module' || output.length > 0)
    return output.length > 0 ? output : [`${module.directory}|${target}`];
  return allIn(calledBy(call, modules));
}

function allIn(module: Module | undefined): string[] {
  return [...(module?.things.keys() ?? [])].map((name) => `${module?.directory}|${name}`);
}

/** Between modules: a variable waits for what is given for it, and all in a module for what the call depends on. */
async function addCalls(
  modules: ReadonlyMap<string, Module>,
  graph: Map<string, Set<string>>,
): Promise<void> {
  for (const module of modules.values()) {
    for (const call of module.things.values()) {
      if (!call.name.startsWith('module.')) continue;
      const called = calledBy(call, modules);
      if (called === undefined) continue;
      for (const [name, value] of Object.entries(call.body)) {
        const { references } = await findReferences({ ...call, body: { value } }, module.directory);
        const before = references.flatMap(({ chain }) => nodesOf(chain, module, modules));
        const waiting = name === 'depends_on' ? allIn(called) : [`${called.directory}|var.${name}`];
        for (const node of waiting) for (const one of before) graph.get(node)?.add(one);
      }
      // What the call itself names is what its variables wait for.
      graph.delete(`${module.directory}|${call.name}`);
    }
  }
}

function unused(modules: ReadonlyMap<string, Module>, used: ReadonlySet<string>): string[] {
  const errors: string[] = [];
  const called = new Set<string>();
  for (const module of modules.values())
    for (const thing of module.things.values())
      if (thing.name.startsWith('module.')) called.add(calledBy(thing, modules)?.directory ?? '');
  for (const { directory, things } of modules.values()) {
    if (directory !== '' && !called.has(directory))
      errors.push(`${directory}: nobody uses the module`);
    for (const { name, file } of things.values()) {
      const mustBeUsed =
        /^(var|local|data)\./.test(name) || (name.startsWith('output.') && directory !== '');
      if (mustBeUsed && !used.has(`${directory}|${name}`))
        errors.push(`${file}: nobody uses ${name}`);
    }
  }
  return errors;
}

function undescribed(modules: ReadonlyMap<string, Module>): string[] {
  return [...modules.values()].flatMap(({ things }) =>
    [...things.values()]
      .filter(({ name }) => /^(var|output)\./.test(name))
      .filter(({ body }) => !/^\S.*\.$/s.test(String(body['description'] ?? '')))
      .map(({ file, name }) => `${file}: ${name} has no description that is a sentence`),
  );
}

function nameOfNode(node: string): string {
  const [directory = '', name = ''] = node.split('|');
  return directory === '' ? name : `${name} of ${directory}`;
}

function findCycle(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): string[] | undefined => {
    const at = path.indexOf(node);
    if (at !== -1) return [...path.slice(at), node];
    if (done.has(node)) return undefined;
    for (const next of graph.get(node) ?? []) {
      const cycle = visit(next, [...path, node]);
      if (cycle !== undefined) return cycle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const cycle = visit(node, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
