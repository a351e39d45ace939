import { onceMoreInProcesses } from './again.ts';

await onceMoreInProcesses('api/refresh-tokens', 'api/token-attacks');
