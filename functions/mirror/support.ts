// GET and HEAD /v2/ of a mirror (end-1): it speaks the protocol. Nobody has to log in for that, nor for the rest, unless
// BERTH_MIRROR_LOGIN says so: the mirrors of dockerd and containerd are asked by nobody in particular.

import { jsonReply } from '#shared/http/reply.ts';
import type { Action } from '../action.ts';

export const support: Action = async () => jsonReply({});
