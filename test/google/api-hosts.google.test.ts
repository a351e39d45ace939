import { onceMoreOnGoogle } from './again.ts';

await onceMoreOnGoogle('api/hosts');
