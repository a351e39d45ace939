// What runs the function `mirror`: a process of its own.

import { openServices } from '../open-services.ts';
import { runStreaming } from '../streaming.ts';

void runStreaming('mirror', openServices);
