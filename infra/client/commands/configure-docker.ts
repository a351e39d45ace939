// `docker-credential-berth configure-docker`: has Docker ask for a registry's credentials here.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Command } from 'commander';
import { hostOf } from '../address.ts';
import { configureDocker, credentialHelper } from '../docker-config.ts';
import { type Environment, variable } from '../environment.ts';
import { wrongUsage } from '../failure.ts';
import { shown } from '../printable.ts';
import { remark, type Session } from '../session.ts';
import { changeSettings, readSettings } from '../settings.ts';
import { loginStore } from '../store.ts';

interface Options {
  readonly registries?: string;
  readonly overwrite?: true;
}

export function declareConfigureDocker(program: Command, session: Session): void {
  program
    .command('configure-docker')
    .description(
      'has Docker get the credentials for registries here, Google credentials among them',
    )
    .option(
      '--registries <hosts>',
      'separated by commas; by default $BERTH_REGISTRY, or those logged in to',
    )
    .option('--overwrite', 'also where Docker has another helper for a registry')
    .addHelpText(
      'after',
      `
Each registry gets "credHelpers": {HOST: "${credentialHelper}"} in Docker's config.json, of which nothing else
changes, and is one that Google credentials may be handed out for.

Example:
  docker-credential-berth configure-docker --registries=registry.example.com`,
    )
    .action((options: Options) => run(session, options));
}

async function run({ environment }: Session, options: Options): Promise<void> {
  const named = options.registries ?? variable(environment, 'BERTH_REGISTRY');
  const registries =
    named === undefined
      ? (await loginStore(environment).list()).map(({ host }) => host)
      : named.split(',').flatMap((text) => (text.trim() === '' ? [] : registryIn(text)));
  if (registries.length === 0) throw wrongUsage('which registries? --registries=HOST,HOST');
  const { path, added } = await configureDocker(
    registries,
    environment,
    options.overwrite === true,
  );
  const settings = await readSettings(environment);
  const allowed = [...new Set([...settings.registries, ...registries])];
  if (allowed.length > settings.registries.length) {
    await changeSettings(environment, { registries: allowed });
  }
  for (const registry of new Set(registries)) {
    const state = added.includes(registry) ? 'now uses' : 'already uses';
    process.stdout.write(`${registry} ${state} docker-credential-${credentialHelper}\n`);
  }
  process.stdout.write(`${path} configured to use this credential helper\n`);
  if (!isInPath(environment)) {
    remark(`docker-credential-${credentialHelper} is not in PATH, where docker looks for it`);
  }
}

function isInPath(environment: Environment): boolean {
  const suffixes = process.platform === 'win32' ? ['.cmd', '.exe'] : [''];
  return (variable(environment, 'PATH') ?? '')
    .split(delimiter)
    .some((directory) =>
      suffixes.some((suffix) =>
        existsSync(join(directory, `docker-credential-${credentialHelper}${suffix}`)),
      ),
    );
}

function registryIn(text: string): string {
  const host = hostOf(text);
  if (host === undefined) throw wrongUsage(`${shown(text.trim(), 100)} is not a registry`);
  return host;
}
