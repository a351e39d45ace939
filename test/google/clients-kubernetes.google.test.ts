import { onceMoreOnGoogle } from './again.ts';

await onceMoreOnGoogle('clients/kubernetes');
