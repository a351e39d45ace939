import { onceMoreOnGoogle } from './again.ts';

await onceMoreOnGoogle('clients/crossing', 'clients/replay');
