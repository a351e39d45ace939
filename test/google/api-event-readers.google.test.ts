import { onceMoreOnGoogle } from './again.ts';

await onceMoreOnGoogle('api/event-readers');
