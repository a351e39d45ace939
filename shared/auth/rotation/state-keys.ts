// The keys that sign upload sessions: one list, of which the first signs and all verify. The second signs next, and is in
// it so that who is given it knows already what others will sign by; the last one signed before.

import * as v from 'valibot';
import { newStateKey } from '../new-keys.ts';
import {
  byStep,
  destroyOld,
  isDue,
  type KeyStores,
  keySecrets,
  type Outcome,
  parsed,
  type Step,
  type When,
} from './key-stores.ts';

const keysSchema = v.pipe(
  v.array(v.object({ id: v.string(), secret: v.string() })),
  v.minLength(1),
);

/** Makes the keys where there are none, and has another sign when it is time. */
export async function rotateStateKeys(stores: KeyStores, when: When): Promise<Outcome> {
  const name = keySecrets.stateKeys;
  const outcome = await byStep(when, (mayRotate) => nextStep(stores, mayRotate ? when : 'never'));
  await destroyOld(stores, name);
  return outcome;
}

async function nextStep({ secrets, clock }: KeyStores, when: When): Promise<Step | undefined> {
  const name = keySecrets.stateKeys;
  const version = await secrets.newest(name);
  const keys = parsed(name, version, (text) => v.parse(keysSchema, JSON.parse(text)));
  const step = (outcome: Step['outcome'], list: readonly object[]): Step => ({
    outcome,
    do: () => secrets.add(name, JSON.stringify(list)),
  });
  if (keys === undefined) return step('made', [newStateKey(), newStateKey()]);
  const [first, second] = keys;
  if (first === undefined) return undefined;
  // One that nobody has been told of yet does not sign.
  if (second === undefined) return step('completed', [first, newStateKey()]);
  return isDue(when, clock, version) ? step('rotated', [second, newStateKey(), first]) : undefined;
}
