// POST /api/v1/projects/{project}/robots/{robot}/secrets: one more secret, shown this once; the others stay good.

import { addSecret } from '#shared/auth/robots.ts';
import type { ProjectAction } from '../action.ts';
import type { CreatedSecret } from './answers.ts';
import { newSecretSchema, readBody } from './bodies.ts';
import { authorOf, createdReply, projectPath } from './replies.ts';

export const createSecret: ProjectAction = async (request, services) => {
  const { project, params } = request;
  const name = params['robot'] ?? '';
  const { expiresAt } = await readBody(request, newSecretSchema);
  const author = authorOf(request);
  const { id, secret, username } = await addSecret(services, { project, name, author, expiresAt });
  const answer: CreatedSecret = { id, secret, username };
  const location = projectPath(project, 'robots', name, 'secrets', id);
  return { ...createdReply(answer, location), audited: { detail: `${username}: ${id}` } };
};
