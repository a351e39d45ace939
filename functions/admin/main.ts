// What runs the function `admin`: a process of its own.

import { openServices } from '../open-services.ts';
import { runStreaming } from '../streaming.ts';

void runStreaming('admin', openServices);
