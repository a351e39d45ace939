// Properties of parsers: each is looked at with its share of the inputs.

import { fuzz, type Random, randomOf, repeatBy } from './random.ts';

/** As many as there are: the inputs are shared out among them. */
const parsers = 16;

/**
 * Runs a property on its share of the inputs.
 * @param share how many times the usual share it gets
 */
export function property(
  check: (random: Random) => void | Promise<void>,
  share = 1,
): () => Promise<void> {
  return async () => {
    const runs = Math.ceil((fuzz.runs * share) / parsers);
    for (let at = 0; at < runs; at += 1) {
      try {
        await check(randomOf(fuzz.seed, at));
      } catch (error) {
        throw new Error(`${error instanceof Error ? error.message : error}\n${repeatBy(at)}`, {
          cause: error,
        });
      }
    }
  };
}
