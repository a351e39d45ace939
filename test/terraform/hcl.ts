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

interface Hcl2Json {
  parse(name: string, text: string): Promise<Blocks>;
}

/** For suites: what is missing, or false. */
export function withoutPackages(): string | false {
  return packages === undefined ? 'needs `npm ci` in test/terraform' : false;
}

/** Where the parser and the schema are, which `npm ci` in this folder installs; `undefined` where nobody did. */
export const packages: string | undefined = existsSync(join(import.meta.dirname, 'node_modules'))
  ? join(import.meta.dirname, 'node_modules')
  : undefined;

/**
 * Parses one text of HCL.
 * @throws Error that tells the line, when it is none
 */
export async function parseHcl(name: string, text: string): Promise<Blocks> {
  const require = createRequire(import.meta.url);
  const { parse } = require('@cdktf/hcl2json') as Hcl2Json;
  return parse(name, text);
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
