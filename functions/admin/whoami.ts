// GET /api/v1/whoami: whom the registry takes the caller for.

import { isOperator } from '#shared/auth/policy.ts';
import type { Action } from '../action.ts';
import type { Who } from './answers.ts';
import { privateReply, requireSomebody } from './replies.ts';

export const whoami: Action = async (request, { authority }) => {
  requireSomebody(request);
  const { access, host } = request;
  const operator = isOperator(authority, access.identity.principal);
  return privateReply({ principal: access.by, host, operator } satisfies Who);
};
