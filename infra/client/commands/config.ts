// `docker-credential-berth config`: where credentials come from.

import type { Command } from 'commander';
import { wrongUsage } from '../failure.ts';
import { shown } from '../printable.ts';
import type { Session } from '../session.ts';
import { asTokenSource, changeSettings, readSettings, tokenSourceNames } from '../settings.ts';

interface Options {
  readonly tokenSource?: string;
  readonly unsetAll?: true;
}

export function declareConfig(program: Command, session: Session): void {
  program
    .command('config')
    .description('says, or sets, where credentials come from')
    .option('--token-source <sources>', `in their order, of ${tokenSourceNames.join(', ')}`)
    .option('--unset-all', 'the usual order again, and Google credentials for no registry')
    .addHelpText(
      'after',
      `
  store   logins made by berth login or docker login
  env     Application Default Credentials: GOOGLE_APPLICATION_CREDENTIALS, gcloud's file, the metadata server
  gcloud  gcloud auth print-access-token
The first that has credentials counts; env and gcloud only for registries that configure-docker was told.

Example:
  docker-credential-berth config --token-source=store,env,gcloud`,
    )
    .action((options: Options) => run(session, options));
}

async function run({ environment }: Session, options: Options): Promise<void> {
  const { tokenSource, unsetAll } = options;
  if (tokenSource !== undefined && unsetAll)
    throw wrongUsage('either --token-source or --unset-all');
  if (unsetAll) {
    await changeSettings(environment, { tokenSources: undefined, registries: [] });
    process.stdout.write('Success: All values unset.\n');
  } else if (tokenSource !== undefined) {
    const tokenSources = tokenSource.split(',').map((text) => {
      const source = asTokenSource(text.trim());
      if (source !== undefined) return source;
      throw wrongUsage(`${shown(text, 50)} is no source: ${tokenSourceNames.join(', ')} are`);
    });
    await changeSettings(environment, { tokenSources: [...new Set(tokenSources)] });
    process.stdout.write('Success: Token source(s) set.\n');
  } else {
    const { tokenSources, registries } = await readSettings(environment);
    process.stdout.write(`token sources: ${tokenSources.join(', ')}\n`);
    process.stdout.write(`registries: ${registries.join(', ') || 'none'}\n`);
  }
}
