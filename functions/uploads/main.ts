// The process that takes uploads.

import { openServices } from '../open-services.ts';
import { runStreaming } from '../streaming.ts';

void runStreaming('uploads', openServices);
