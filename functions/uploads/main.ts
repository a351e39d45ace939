// What runs the function `uploads`: a process of its own.

import { openServices } from '../open-services.ts';
import { runStreaming } from '../streaming.ts';

void runStreaming('uploads', openServices);
