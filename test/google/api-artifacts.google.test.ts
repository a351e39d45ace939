import { onceMoreOnGoogle } from './again.ts';

await onceMoreOnGoogle('api/conditional-pushes', 'api/artifacts');
