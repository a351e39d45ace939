import { onceMoreOnGoogle } from './again.ts';

await onceMoreOnGoogle('clients/logins', 'clients/kubernetes');
