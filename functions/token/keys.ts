// GET /.well-known/jwks.json: the public keys that tokens are verified by (RFC 7517 section 5).

import { jsonReply } from '#shared/http/reply.ts';
import type { Action } from '../action.ts';

export const listKeys: Action = async (_request, { verifier }) =>
  // While keys rotate, one that was just put in is known to others after five minutes.
  jsonReply({ keys: verifier.keys }, { 'Cache-Control': 'public, max-age=300' });
