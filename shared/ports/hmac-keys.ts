// The HMAC keys of one account, by which addresses of blobs are signed.

export interface KnownHmacKey {
  readonly accessId: string;
  /** Whether what it signs is good. */
  readonly isActive: boolean;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
  /** When it was last made active or inactive, in milliseconds since 1970. */
  readonly changedMs: number;
}

export interface HmacKeys {
  /** Those that there are. @throws Error when they cannot be told, here and below */
  list(): Promise<readonly KnownHmacKey[]>;
  /** Makes one, which is active. Nobody is told its secret again. One may have been made although this fails. */
  create(): Promise<{ readonly accessId: string; readonly secret: string }>;
  /** From now on nothing that it signs is good. */
  deactivate(accessId: string): Promise<void>;
  /** For good. Only one that is inactive; one that is not there is no failure. */
  delete(accessId: string): Promise<void>;
}
