// GET /api/v1/projects/{project}/policy: who may do what.

import { readPolicy } from '#shared/auth/policies.ts';
import type { ProjectAction } from '../action.ts';
import { policyReply } from './policy-changes.ts';

export const getPolicy: ProjectAction = async ({ project }, { documents }) =>
  policyReply(await readPolicy(documents, project));
