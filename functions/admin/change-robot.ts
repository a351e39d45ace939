// PATCH /api/v1/projects/{project}/robots/{robot}: what is named is changed, and holds within a minute.

import { changeRobot as changeTo } from '#shared/auth/robots.ts';
import type { ProjectAction } from '../action.ts';
import { readBody, robotChangeSchema } from './bodies.ts';
import { authorOf, privateReply, robotAnswer } from './replies.ts';

export const changeRobot: ProjectAction = async (request, services) => {
  const { project, params } = request;
  const change = await readBody(request, robotChangeSchema);
  const robot = await changeTo(services, {
    project,
    name: params['robot'] ?? '',
    author: authorOf(request),
    change,
  });
  const answer = robotAnswer(robot);
  return { ...privateReply(answer), audited: { detail: answer.username } };
};
