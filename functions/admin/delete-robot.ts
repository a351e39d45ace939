// DELETE /api/v1/projects/{project}/robots/{robot}: takes a robot away, with its secrets.

import { robotUsername } from '#shared/auth/robot-records.ts';
import { deleteRobot as remove } from '#shared/auth/robots.ts';
import type { ProjectAction } from '../action.ts';
import { authorOf, goneReply } from './replies.ts';

export const deleteRobot: ProjectAction = async (request, services) => {
  const { project, params } = request;
  const name = params['robot'] ?? '';
  await remove(services, { project, name, author: authorOf(request) });
  return { ...goneReply(), audited: { detail: robotUsername(project, name) } };
};
