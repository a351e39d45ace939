import { onceMoreOnGoogle } from './again.ts';

await onceMoreOnGoogle('mirror/process');
