// POST /v2/token/revoke: takes a refresh token back (RFC 7009).

import { revokeRefreshToken } from '#shared/auth/refresh-tokens.ts';
import { jsonReply } from '#shared/http/reply.ts';
import type { Action } from '../action.ts';
import { badForm, readForm } from './form.ts';

export const revokeToken: Action = async (request, services) => {
  const token = (await readForm(request)).get('token');
  if (token === null) throw badForm('token is needed: the refresh token that is to be revoked');
  await revokeRefreshToken(services, token);
  // RFC 7009 section 2.2: 200 for a token that is none, too. So nothing is told of any.
  return jsonReply({}, { 'Cache-Control': 'no-store' });
};
