// The Terraform configuration as data: each module's files, read by Terraform's own parser of HCL (compiled to
// WebAssembly). Blocks and arguments are as they are written; an expression is a text, `${…}`.

import { existsSync, globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

export const terraformRoot = join(import.meta.dirname, '../../infra/terraform');

/** Block type → label → label → bodies, as far as blocks of that type have labels. */
export type Blocks = Readonly<Record<string, unknown>>;

export interface TerraformFile {
  /** Below infra/terraform. */
  readonly path: string;
  readonly text: string;
  readonly blocks: Blocks;
}

/** A part of an expression; what the parser has no name for has no meaning of its own, but parts. */
export interface Syntax {
  readonly type: string;
  readonly children: readonly Syntax[];
  readonly meta?: {
    readonly value?: string;
    /** Of what is named and then gone into: `a.b[0].c`. */
    readonly traversal?: readonly {
      readonly type: 'nameTraversal' | 'indexTraversal';
      readonly segment: string;
    }[];
    /** Of a function. */
    readonly name?: string;
    readonly argsRanges?: readonly unknown[];
    readonly expandedFinalArgument?: boolean;
    /** Of `for`. */
    readonly keyVar?: string;
    readonly valVar?: string;
  };
}

interface Hcl2Json {
  parse(name: string, text: string): Promise<Blocks>;
  getExpressionAst(name: string, text: string): Promise<Syntax>;
}

function hcl2json(): Hcl2Json {
  return createRequire(join(provider, 'package.json'))('@cdktf/hcl2json') as Hcl2Json;
}

/** The small package of the parser and of the provider's schema: large, and needed nowhere else. */
const provider = join(import.meta.dirname, 'provider');

/** Where what `npm ci` installs there is; `undefined` where nobody did. */
export const packages: string | undefined = existsSync(join(provider, 'node_modules'))
  ? join(provider, 'node_modules')
  : undefined;

/** For suites: what is missing, or false. */
export function withoutPackages(): string | false {
  return packages === undefined && 'it needs `npm ci --prefix test/terraform/provider`';
}

/**
 * Parses one text of HCL.
 * @throws Error that tells the line, when it is none
 */
export async function parseHcl(name: string, text: string): Promise<Blocks> {
  return hcl2json().parse(name, text);
}

/** Parses a text of what `parseHcl` gives, in which there may be expressions. */
export async function parseExpression(name: string, text: string): Promise<Syntax> {
  // Between such lines nothing has to be escaped.
  return hcl2json().getExpressionAst(name, `<<END_OF_TEXT\n${text}\nEND_OF_TEXT\n`);
}

export async function parseFile(path: string, text: string): Promise<TerraformFile> {
  return { path, text, blocks: await parseHcl(path, text) };
}

/** Directory below infra/terraform, '' for the root → its files. */
export async function readModules(): Promise<ReadonlyMap<string, readonly TerraformFile[]>> {
  const modules = new Map<string, TerraformFile[]>();
  for (const file of globSync('**/*.tf', { cwd: terraformRoot }).sort()) {
    const text = readFileSync(join(terraformRoot, file), 'utf8');
    const directory = relative('.', dirname(file));
    modules.set(directory, [...(modules.get(directory) ?? []), await parseFile(file, text)]);
  }
  return modules;
}
