import { onceMoreOnGoogle } from './again.ts';

await onceMoreOnGoogle('api/push-blobs', 'api/push-manifests');
