// POST /api/v1/projects/{project}/robots: makes a robot, and shows its secret this once.

import { createRobot as create } from '#shared/auth/robots.ts';
import type { ProjectAction } from '../action.ts';
import type { CreatedRobot } from './answers.ts';
import { newRobotSchema, readBody } from './bodies.ts';
import { authorOf, createdReply, projectPath, robotAnswer } from './replies.ts';

export const createRobot: ProjectAction = async (request, services) => {
  const { project } = request;
  const wanted = await readBody(request, newRobotSchema);
  const made = await create(services, { ...wanted, project, author: authorOf(request) });
  const { robot, username, secret } = made;
  const answer: CreatedRobot = { robot: robotAnswer(robot), username, secret };
  const location = projectPath(project, 'robots', robot.name);
  return { ...createdReply(answer, location), audited: { detail: username } };
};
