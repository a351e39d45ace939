// DELETE /api/v1/projects/{project}/robots/{robot}/secrets/{secret}: refused from now on.

import { robotUsername } from '#shared/auth/robot-records.ts';
import { revokeSecret as revoke } from '#shared/auth/robots.ts';
import type { ProjectAction } from '../action.ts';
import { authorOf, goneReply } from './replies.ts';

export const revokeSecret: ProjectAction = async (request, services) => {
  const { project, params } = request;
  const [name, id] = [params['robot'] ?? '', params['secret'] ?? ''];
  await revoke(services, { project, name, id, author: authorOf(request) });
  return { ...goneReply(), audited: { detail: `${robotUsername(project, name)}: ${id}` } };
};
