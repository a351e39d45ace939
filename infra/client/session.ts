// What the commands of `berth` share: how they are declared, which registry they ask, and how they answer.

import type { Command } from 'commander';
import { type Address, hostOf, parseAddress } from './address.ts';
import { findCredentials } from './credentials.ts';
import { type Environment, variable } from './environment.ts';
import { exitCodes, exitCodesHelp, Failure } from './failure.ts';
import { printableJson } from './printable.ts';
import { openRegistry, type Registry } from './registry.ts';
import { loginStore } from './store.ts';

export interface Session {
  readonly environment: Environment;
}

/** Options that each command has. */
export interface CommonOptions {
  readonly registry?: string;
  readonly plainHttp?: true;
  readonly json?: true;
}

/**
 * Declares a command.
 * @param usage its name and its arguments
 * @param example what stands in its help
 */
export function declare(
  parent: Command,
  usage: string,
  description: string,
  example: string,
): Command {
  return parent
    .command(usage)
    .description(description)
    .option('--json', 'print JSON, for programs')
    .option(
      '--registry <host>',
      'the registry; by default $BERTH_REGISTRY, or that of the last login',
    )
    .option('--plain-http', 'use http without TLS, which is else only for this machine')
    .addHelpText('after', `\nExample:\n  ${example.split('\n').join('\n  ')}\n\n${exitCodesHelp}`);
}

/** Declares a command that only has others below it. */
export function declareGroup(parent: Command, name: string, description: string): Command {
  return parent.command(name).description(description).addHelpText('after', `\n${exitCodesHelp}`);
}

/** The registry that a command is for. @throws Failure when none is named anywhere */
export async function chooseAddress(
  { environment }: Session,
  { registry, plainHttp }: CommonOptions,
): Promise<Address> {
  const store = loginStore(environment);
  const named = registry ?? variable(environment, 'BERTH_REGISTRY');
  const host = named === undefined ? undefined : hostOf(named);
  const login = named === undefined ? (await store.list())[0] : host && (await store.find(host));
  // A login knows whether its registry, on this machine, speaks https.
  const text =
    login && (named === undefined || !named.includes('://')) && login.serverUrl.startsWith('https:')
      ? `https://${login.host}`
      : (named ?? (login ? login.host : undefined));
  if (text === undefined) {
    throw new Failure(
      'no registry: name it by --registry or BERTH_REGISTRY, or log in: berth login HOST',
      exitCodes.noRight,
    );
  }
  return parseAddress(text, plainHttp === true);
}

/** Opens the registry that a command is for, with the credentials that there are for it. */
export async function open(session: Session, options: CommonOptions): Promise<Registry> {
  const address = await chooseAddress(session, options);
  return openRegistry(address, await findCredentials(address.host, session.environment));
}

/**
 * Prints what a command has to say.
 * @param value for programs
 * @param text for people
 */
export function answer({ json }: CommonOptions, value: unknown, text: string): void {
  const printed = json === true ? printableJson(value) : text;
  if (printed !== '') process.stdout.write(`${printed}\n`);
}

/** Tells a person something besides; programs read standard output alone. */
export function remark(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** The terminal's width; `undefined` where there is none, and nothing is cut. */
export function terminalColumns(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined;
}

/** The path of something of a project's in the admin API, where that of a domain has a colon, however it was written. */
export function projectPath(project: string, ...parts: readonly string[]): string {
  return ['/api/v1/projects', ...[project.replace('/', ':'), ...parts].map(encodeSegment)].join(
    '/',
  );
}

/** `example.com:project` stays as it is. A segment of dots would be taken for the way up. */
function encodeSegment(text: string): string {
  if (/^\.{0,2}$/.test(text))
    throw new Failure('a name must not be empty, nor dots', exitCodes.usage);
  return encodeURIComponent(text).replaceAll('%3A', ':');
}
