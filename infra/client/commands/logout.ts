// `berth logout`: the login is worth nothing any more, and forgotten.

import type { Command } from 'commander';
import { exitCodes, Failure } from '../failure.ts';
import { revokeToken } from '../registry.ts';
import { answer, type CommonOptions, chooseAddress, declare, type Session } from '../session.ts';
import { loginStore } from '../store.ts';

interface Options extends CommonOptions {
  readonly local?: true;
}

export function declareLogout(program: Command, session: Session): void {
  declare(
    program,
    'logout [host]',
    'has the registry revoke the login, and forgets it',
    'berth logout registry.example.com',
  )
    .option('--local', 'forget it, without telling the registry')
    .action((host: string | undefined, options: Options) => run(session, host, options));
}

async function run(session: Session, host: string | undefined, options: Options): Promise<void> {
  const address = await chooseAddress(
    session,
    host === undefined ? options : { ...options, registry: host },
  );
  const store = loginStore(session.environment);
  const login = await store.find(address.host);
  const revoked = login?.kind === 'refresh' && options.local !== true;
  if (revoked) {
    await revokeToken(address, login.secret).catch((error: unknown) => {
      const why = error instanceof Failure ? error.message : String(error);
      throw new Failure(
        `still logged in, since the login could not be revoked: ${why}; --local forgets it all the same`,
        error instanceof Failure ? error.exitCode : exitCodes.failed,
      );
    });
  }
  const removed = await store.remove(address.host);
  answer(
    options,
    { host: address.host, removed, revoked },
    removed ? `Logged out of ${address.host}` : `You were not logged in to ${address.host}`,
  );
}
