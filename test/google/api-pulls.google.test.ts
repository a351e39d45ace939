import { onceMoreOnGoogle } from './again.ts';

await onceMoreOnGoogle('api/pull', 'api/discovery', 'api/management');
