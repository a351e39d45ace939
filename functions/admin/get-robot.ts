// GET /api/v1/projects/{project}/robots/{robot}

import { readRobot } from '#shared/auth/robots.ts';
import type { ProjectAction } from '../action.ts';
import { privateReply, robotAnswer } from './replies.ts';

export const getRobot: ProjectAction = async ({ project, params }, { documents }) =>
  privateReply(robotAnswer(await readRobot(documents, { project, name: params['robot'] ?? '' })));
