// GET /api/v1/projects/{project}/federation: whose ID tokens the project takes.

import { etagOf, readPolicy } from '#shared/auth/policies.ts';
import type { ProjectAction } from '../action.ts';
import { shownEtag } from './policy-changes.ts';
import { privateReply } from './replies.ts';

export const listRules: ProjectAction = async ({ project }, { documents }) => {
  const policy = await readPolicy(documents, project);
  const answer = { etag: shownEtag(policy), rules: policy.federation };
  return privateReply(answer, { ETag: etagOf(policy) });
};
