import { onceMoreOnGoogle } from './again.ts';

await onceMoreOnGoogle('api/admin', 'api/openapi');
