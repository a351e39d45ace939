// GET /v2/ (end-1): this is a registry, and you are let in.

import { jsonReply } from '#shared/http/reply.ts';
import type { Action } from '../action.ts';

export const support: Action = async () => jsonReply({});
