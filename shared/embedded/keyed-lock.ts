// One at a time, per key, within this process.

/** Runs bodies of one key one after another, in the order of their calls; other keys do not wait. */
export class KeyedLock {
  /** The last body of each key that has one running or waiting; it never rejects. */
  readonly #tails = new Map<string, Promise<void>>();

  /**
   * Answers, or rejects, as the body does, after those called before it have settled.
   * A body must not take the lock of its own key: it would wait for itself.
   */
  async run<R>(key: string, body: () => Promise<R>): Promise<R> {
    const result = (this.#tails.get(key) ?? Promise.resolve()).then(body);
    const tail = result.then(
      () => undefined,
      () => undefined,
    );
    this.#tails.set(key, tail);
    try {
      return await result;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}
