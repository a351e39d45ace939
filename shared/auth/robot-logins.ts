// Robots that log in: by a secret, or by what they got for one.

import { robotSecretsMax } from '../oci/limits.ts';
import type { Document } from '../ports/documents.ts';
import type { Identity } from './identity.ts';
import type { Robot } from './principal.ts';
import {
  findRobot,
  hasExpired,
  type RobotName,
  type RobotStore,
  recordOf,
  robotSubject,
  robotUsername,
  type SecretRecord,
  secretsOf,
  storedRobot,
} from './robot-records.ts';
import { isSameHash, sha256 } from './secrets.ts';

/**
 * Whom the username and a secret of a robot show; `undefined` when they show nobody, and it takes no longer to find out
 * that there is no such robot than that it has another secret.
 */
export async function identifyRobot(
  { documents, clock }: RobotStore,
  username: string,
  secret: string,
): Promise<Identity | undefined> {
  const found = await findRobot(documents, username);
  const matching = matchingSecret(found === undefined ? [] : recordOf(found).secrets, secret);
  if (found === undefined || matching === undefined) return undefined;
  return identityOf(found, matching, clock.now());
}

/**
 * Who a robot is by a secret that it showed before; `undefined` when it would not be let in by it any more.
 * @param secret the secret's id
 */
export async function identifyRobotAgain(
  { documents, clock }: RobotStore,
  { project, name, secret }: RobotName & { readonly secret: string },
): Promise<Identity | undefined> {
  const found = await findRobot(documents, robotUsername(project, name));
  const shown = found && secretsOf(recordOf(found)).get(secret);
  return shown && identityOf(found, shown, clock.now());
}

function identityOf(document: Document, secret: SecretRecord, now: number): Identity | undefined {
  const { role, prefix, expiresAt, disabled, project, name, version } = storedRobot(document);
  if (disabled || hasExpired({ expiresAt }, now) || hasExpired(secret, now)) return undefined;
  const robot: Robot = { kind: 'robot', name, project, role, prefix };
  const ends = [expiresAt, secret.expiresAt].filter((end) => end !== undefined);
  return {
    principal: robot,
    seen: { [robotSubject(project, name)]: version },
    expiresAt: ends.length === 0 ? undefined : Math.min(...ends),
    credential: secret.id,
  };
}

const nobodysHash = sha256('');

/** Compares with as many as a robot may have, each to its end: how long it takes tells nothing of any of them. */
function matchingSecret(secrets: readonly SecretRecord[], shown: string): SecretRecord | undefined {
  let matching: SecretRecord | undefined;
  const actual = sha256(shown);
  for (let place = 0; place < robotSecretsMax; place++) {
    const secret = secrets[place];
    if (isSameHash(actual, secret?.sha256 ?? nobodysHash)) matching = secret;
  }
  return matching;
}
