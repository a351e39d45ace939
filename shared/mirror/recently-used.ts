// Things that one instance keeps in memory, in bounded number: those go that were longest not used.

export class RecentlyUsed<T> {
  readonly #most: number;
  readonly #weigh: (value: T) => number;
  /** The one that was used last stands last. */
  readonly #kept = new Map<string, T>();
  #weight = 0;

  /** @param most how many, or how much of what `weigh` says of each */
  constructor(most: number, weigh: (value: T) => number = () => 1) {
    this.#most = most;
    this.#weigh = weigh;
  }

  get(key: string): T | undefined {
    const found = this.#kept.get(key);
    if (found === undefined) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, found);
    return found;
  }

  set(key: string, value: T): void {
    this.delete(key);
    this.#kept.set(key, value);
    this.#weight += this.#weigh(value);
    for (const oldest of this.#kept.keys()) {
      if (this.#weight <= this.#most) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#weight -= this.#weigh(kept);
    this.#kept.delete(key);
  }
}

/** Who asks what is being asked already waits for that answer. Nothing is kept of it once it is there. */
export class Shared<T> {
  readonly #asked = new Map<string, Promise<T>>();

  ask(key: string, question: () => Promise<T>): Promise<T> {
    const asked = this.#asked.get(key);
    if (asked !== undefined) return asked;
    const answer = question().finally(() => this.#asked.delete(key));
    this.#asked.set(key, answer);
    return answer;
  }
}
