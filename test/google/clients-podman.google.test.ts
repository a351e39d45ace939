import { onceMoreOnGoogle } from './again.ts';

await onceMoreOnGoogle('clients/podman', 'clients/skopeo');
