// `berth whoami`: who the registry takes one for.

import type { Command } from 'commander';
import { asRecord, asText } from '../json-values.ts';
import { shown } from '../printable.ts';
import { answer, type CommonOptions, declare, open, type Session } from '../session.ts';

export function declareWhoami(program: Command, session: Session): void {
  declare(program, 'whoami', 'says who the registry takes you for', 'berth whoami').action(
    async (options: CommonOptions) => {
      const registry = await open(session, options);
      const { json } = await registry.call('GET', '/api/v1/whoami');
      const { principal, operator } = asRecord(json);
      const name = shown(asText(principal) ?? 'nobody');
      const rank = operator === true ? ', an operator' : '';
      answer(options, json, `${name} at ${registry.address.host}${rank}`);
    },
  );
}
