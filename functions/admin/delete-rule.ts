// DELETE /api/v1/projects/{project}/federation/{rule}: takes those ID tokens no more.

import { etagOf } from '#shared/auth/policies.ts';
import type { ProjectAction } from '../action.ts';
import { change, describeRule, requireRule } from './policy-changes.ts';
import { goneReply } from './replies.ts';

export const deleteRule: ProjectAction = async (request, services) => {
  const id = request.params['rule'] ?? '';
  const { policy, audited } = await change(request, services, {
    action: 'federation.delete',
    etags: undefined,
    detail: (before) => describeRule(requireRule(before, id)),
    to: (before) => {
      requireRule(before, id);
      return { ...before, federation: before.federation.filter((one) => one.id !== id) };
    },
  });
  return { ...goneReply({ ETag: etagOf(policy) }), audited };
};
