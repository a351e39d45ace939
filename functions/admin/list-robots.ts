// GET /api/v1/projects/{project}/robots: all of them, for they are few.

import { listRobots as listAll } from '#shared/auth/robots.ts';
import type { ProjectAction } from '../action.ts';
import { privateReply, robotAnswer } from './replies.ts';

export const listRobots: ProjectAction = async ({ project }, { documents }) =>
  privateReply({ robots: (await listAll(documents, project)).map(robotAnswer) });
