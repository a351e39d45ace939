import { onceMoreOnGoogle } from './again.ts';

await onceMoreOnGoogle('api/gcr-listing', 'api/gcr-deletes', 'api/domain-projects');
