// Preconditions: "the request only proceeds if the targeted resource meets the criteria". One that asks for a match
// and does not find it fails with 412, one that asks for another and finds the same with 304.

import { invalid, StorageError } from './errors.ts';

/** What preconditions look at. */
export interface Versions {
  readonly generation: bigint;
  readonly metageneration: bigint;
}

export interface Preconditions {
  readonly generationMatch?: bigint | undefined;
  readonly generationNotMatch?: bigint | undefined;
  readonly metagenerationMatch?: bigint | undefined;
  readonly metagenerationNotMatch?: bigint | undefined;
}

/**
 * Those of a request.
 * @param on `Source` for those that a copy puts on what it reads
 */
export function preconditionsOf(query: URLSearchParams, on: '' | 'Source' = ''): Preconditions {
  const read = (name: string) => parseVersion(name, query.get(name));
  return {
    generationMatch: read(`if${on}GenerationMatch`),
    generationNotMatch: read(`if${on}GenerationNotMatch`),
    metagenerationMatch: read(`if${on}MetagenerationMatch`),
    metagenerationNotMatch: read(`if${on}MetagenerationNotMatch`),
  };
}

/** The generation that a request means, when it names one. */
export function generationOf(
  query: URLSearchParams,
  name: 'generation' | 'sourceGeneration' = 'generation',
): bigint | undefined {
  return parseVersion(name, query.get(name));
}

/** A generation or metageneration as it was sent. */
export function parseVersion(name: string, text: string | null): bigint | undefined {
  if (text === null) return undefined;
  if (!/^\d{1,19}$/.test(text)) throw invalid(`Invalid value '${text}' for ${name}.`);
  return BigInt(text);
}

/**
 * @param live `undefined` when there is no live object, whose generation then counts as 0: `ifGenerationMatch=0` means
 *   "create only", and a metageneration matches nothing
 * @throws StorageError 412 or 304
 */
export function checkPreconditions(wanted: Preconditions, live: Versions | undefined): void {
  const generation = live?.generation ?? 0n;
  const metageneration = live?.metageneration;
  if (
    isOther(wanted.generationMatch, generation) ||
    isOther(wanted.metagenerationMatch, metageneration)
  ) {
    const message = 'At least one of the pre-conditions you specified did not hold.';
    throw new StorageError(412, 'conditionNotMet', message);
  }
  // "If no live object exists, the precondition fails", whatever the generation it asks not to find.
  const absent = live === undefined && wanted.generationNotMatch !== undefined;
  if (
    absent ||
    wanted.generationNotMatch === generation ||
    (wanted.metagenerationNotMatch !== undefined &&
      wanted.metagenerationNotMatch === metageneration)
  ) {
    throw new StorageError(304, 'notModified', 'Not Modified');
  }
}

function isOther(wanted: bigint | undefined, found: bigint | undefined): boolean {
  return wanted !== undefined && wanted !== found;
}
