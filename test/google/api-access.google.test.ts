import { onceMoreInProcesses } from './again.ts';

await onceMoreInProcesses('api/access');
