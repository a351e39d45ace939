import { onceMoreOnGoogle } from './again.ts';

await onceMoreOnGoogle('api/refresh-tokens', 'api/token-attacks');
