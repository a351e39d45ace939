// What a step of a release ends with when it could not do what it was asked.

/** An end that a person is told as it is: what happened, and what to do about it. */
export class Failure extends Error {
  override readonly name: string = 'Failure';
}
