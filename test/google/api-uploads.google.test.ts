import { onceMoreOnGoogle } from './again.ts';

await onceMoreOnGoogle('api/push-mounts', 'api/upload-sequences');
