// `berth audit`: what was changed in a project, and by whom.

import type { Command } from 'commander';
import { wrongUsage } from '../failure.ts';
import { asList, asRecord, asText } from '../json-values.ts';
import {
  answer,
  type CommonOptions,
  declare,
  open,
  projectPath,
  type Session,
  terminalColumns,
} from '../session.ts';
import { table } from '../table.ts';

interface Options extends CommonOptions {
  readonly number: string;
  readonly repository?: string;
  readonly action?: string;
}

/** Entries that are asked for at once. */
const pageMax = 1000;

export function declareAudit(program: Command, session: Session): void {
  declare(
    program,
    'audit <project>',
    'lists who changed what, the latest first',
    `berth audit my-project -n 20
berth audit my-project --action manifest.delete --repository my-project/backend`,
  )
    .option('-n, --number <entries>', 'so many at most', '50')
    .option('--repository <name>', 'only of this repository')
    .option('--action <action>', 'only this action: manifest.push, policy.change, robot.create …')
    .action((project: string, options: Options) => run(session, project, options));
}

async function run(session: Session, project: string, options: Options): Promise<void> {
  const wanted = /^[1-9]\d{0,6}$/.test(options.number) ? Number(options.number) : undefined;
  if (wanted === undefined) throw wrongUsage('-n is how many entries: 1 or more');
  const query = new URLSearchParams({
    n: String(Math.min(wanted, pageMax)),
    ...(options.repository === undefined ? {} : { repository: options.repository }),
    ...(options.action === undefined ? {} : { action: options.action }),
  });
  const registry = await open(session, options);
  const entries = await registry.list(
    `${projectPath(project, 'audit')}?${query}`,
    'entries',
    wanted,
  );
  answer(
    options,
    { entries },
    table(
      ['AT', 'ACTOR', 'ACTION', 'WHAT', 'FROM', 'REQUEST'],
      entries.map(row),
      terminalColumns(),
    ),
  );
}

function row(entry: unknown): string[] {
  const { at, actor, action, repository, digest, tags, detail, address, requestId } =
    asRecord(entry);
  const names = asList(tags).flatMap((tag) => asText(tag) ?? []);
  const what = [asText(repository), names.join(','), asText(digest)?.slice(0, 19), asText(detail)];
  return [
    asText(at) ?? '',
    asText(actor) ?? '',
    asText(action) ?? '',
    what.filter(Boolean).join(' '),
    asText(address) ?? '',
    asText(requestId) ?? '',
  ];
}
