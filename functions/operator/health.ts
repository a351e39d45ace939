// GET /healthz: the process answers. Whether its stores do is /readyz: restarting would not mend them.

import type { Action } from '../action.ts';
import { plainText } from './replies.ts';

export const health: Action = async () => plainText(200, 'ok');
