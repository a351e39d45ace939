// `berth project`: the projects in which one holds a role.

import type { Command } from 'commander';
import { asRecord, asText } from '../json-values.ts';
import {
  answer,
  type CommonOptions,
  declare,
  declareGroup,
  open,
  type Session,
  terminalColumns,
} from '../session.ts';
import { table } from '../table.ts';

export function declareProject(program: Command, session: Session): void {
  const group = declareGroup(program, 'project', 'projects of the registry');
  declare(
    group,
    'list',
    'lists the projects in which you hold a role',
    'berth project list --json | jq -r .projects[].project',
  ).action(async (options: CommonOptions) => {
    const registry = await open(session, options);
    const projects = await registry.list('/api/v1/projects', 'projects');
    const rows = projects.map((one) => {
      const { project, role } = asRecord(one);
      return [asText(project) ?? '', asText(role) ?? ''];
    });
    answer(options, { projects }, table(['PROJECT', 'ROLE'], rows, terminalColumns()));
  });
}
