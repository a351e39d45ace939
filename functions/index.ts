// What functions-framework loads: one file for all plain functions, of which it registers the one that is wanted.

import { frameworkTarget, registerFunction } from './framework.ts';
import { keepBodiesOutOfLog } from './framework-log.ts';
import { openServices } from './open-services.ts';

keepBodiesOutOfLog();
registerFunction(frameworkTarget(process.env, process.argv), openServices);
