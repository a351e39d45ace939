import { onceMoreOnGoogle } from './again.ts';

await onceMoreOnGoogle('clients/docker', 'clients/containerd');
