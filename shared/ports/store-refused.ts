/**
 * A store does not keep a project's bytes, as things are: by its name it can have no place there, or the place may not be
 * used. Nothing was written. The message is for the client, and says what to do.
 */
export class StoreRefused extends Error {
  override readonly name = 'StoreRefused';
  readonly why: 'name' | 'right';

  constructor(why: 'name' | 'right', message: string) {
    super(message);
    this.why = why;
  }
}
