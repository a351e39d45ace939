import { onceMoreOnGoogle } from './again.ts';

// Other clients run on what is deployed: bundle.google.test.ts.
await onceMoreOnGoogle('clients/containerd');
