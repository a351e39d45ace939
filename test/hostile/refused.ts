// What a parser may do beside answering: refuse, with the one error that a client may be told.

import assert from 'node:assert/strict';
import { errorEnvelope, RegistryError } from '#shared/oci/errors.ts';

/** What it gives, or `undefined` where it refuses, with an error that a client may be told. */
export function refusedOr<T>(parse: () => T, shown: unknown): T | undefined {
  try {
    return parse();
  } catch (error) {
    assert.ok(
      error instanceof RegistryError,
      `${error} for ${JSON.stringify(shown)?.slice(0, 2000)}`,
    );
    assert.ok(error.status >= 400 && error.status < 500);
    assert.ok(error.message.length < 1000);
    const { errors } = JSON.parse(errorEnvelope(error, 'id')) as { errors: unknown[] };
    assert.ok(errors.length > 0);
    return undefined;
  }
}

/** As {@link refusedOr}, of what answers later. */
export async function refusedOrLater<T>(
  parse: () => Promise<T>,
  shown: unknown,
): Promise<T | undefined> {
  const settled = await parse().then(
    (value) => () => value,
    (error: unknown) => () => {
      throw error;
    },
  );
  return refusedOr<T>(settled, shown);
}
