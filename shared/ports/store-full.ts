/** A store has no room for what was to be written. Nothing was; what was there before stays readable. */
export class StoreFull extends Error {
  override readonly name = 'StoreFull';

  constructor(cause: unknown) {
    super('there is no room left', { cause });
  }
}
