// DELETE /api/v1/projects/{project}/robots/{robot}: takes a robot away, with its secrets.

import { deleteRobot as remove } from '#shared/auth/robots.ts';
import type { ProjectAction } from '../action.ts';
import { authorOf, goneReply } from './replies.ts';

export const deleteRobot: ProjectAction = async (request, services) => {
  const { project, params } = request;
  await remove(services, { project, name: params['robot'] ?? '', author: authorOf(request) });
  return goneReply();
};
