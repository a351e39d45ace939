// Secrets that are kept in versions, of which the newest is what a process is given when it starts.

export interface SecretVersion {
  /** From 1, by one more with each. */
  readonly version: number;
  readonly text: string;
  /** When it was added, in milliseconds since 1970. */
  readonly createdMs: number;
}

export interface SecretVersions {
  /**
   * The newest version; `undefined` where there is none. Promise: it is one that was added last or later, whoever
   * added it, when the call was made.
   * @throws Error when it cannot be read; the message tells nothing of what is secret, here and below
   */
  newest(secret: string): Promise<SecretVersion | undefined>;
  /** Adds a version, which is the newest then. It may have been added although this fails, and more than once. */
  add(secret: string, text: string): Promise<void>;
  /** Destroys those that are older than that version, but for what somebody disabled by hand. */
  destroyBefore(secret: string, version: number): Promise<void>;
}
