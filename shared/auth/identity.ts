// Whom a credential shows, and what else came to be known with it.

import type { BucketPermission } from './bucket-policy.ts';
import type { Principal } from './principal.ts';
import type { Seen } from './revocations.ts';

export interface Identity {
  readonly principal: Principal;
  /** The documents that it was known by: a robot's, say. */
  readonly seen: Seen;
  /** Milliseconds since 1970 at which it expires: an account, or what was shown of it. */
  readonly expiresAt?: number | undefined;
  /**
   * What a refresh token would stand for: of the principal's secrets the one that was shown. Absent where none is given,
   * because what was shown is itself good for a short time only.
   */
  readonly credential?: string | undefined;
  /** What Cloud Storage lets it do with a bucket: asked by its own credential. */
  permissionsOn?(bucket: string): Promise<readonly BucketPermission[]>;
}

export const nobody: Identity = { principal: { kind: 'anonymous' }, seen: {} };
