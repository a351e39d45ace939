// Robots: accounts for machines, each of one project. A robot has one or more secrets, so that a new one is in use
// before the old one goes. They are 256 random bits, shown once, stored as SHA-256: what cannot be guessed needs no slow
// hash.

import { randomBytes } from 'node:crypto';
import { type Author, audit } from '../audit/entries.ts';
import { RegistryError } from '../oci/errors.ts';
import { robotKeptDays, robotSecretsMax, robotsMax } from '../oci/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Document, Documents, Transaction } from '../ports/documents.ts';
import { isProject, isRobotName } from './names.ts';
import { noteProject, parsePrefix } from './policies.ts';
import type { Role } from './principal.ts';
import { revoke } from './revocations.ts';
import {
  findRobot,
  hasExpired,
  type RobotName,
  type RobotRecord,
  type RobotStore,
  recordOf,
  robotKey,
  robotSubject,
  robotsOf,
  robotUsername,
  type SecretRecord,
  type StoredRobot,
  secretsOf,
  storedRobot,
} from './robot-records.ts';
import { newSecret, sha256 } from './secrets.ts';

/** A secret, shown now and never again. */
export interface NewSecret {
  readonly id: string;
  readonly secret: string;
}

/**
 * Makes a robot with its first secret.
 * @param options.expiresAt milliseconds since 1970 from which it is refused
 * @param options.secretExpiresAt from which its first secret is
 * @param options.author left out where it is made by no request
 * @throws RegistryError UNSUPPORTED: 409 when there is such a robot, or the project has `robotsMax`; 400 when the prefix
 *   is not one of the project's, or a time is not to come; NAME_INVALID when the name or the project cannot be one
 */
export async function createRobot(
  { documents, clock }: RobotStore,
  options: RobotName & {
    readonly role: Role;
    readonly prefix?: string | undefined;
    readonly expiresAt?: number | undefined;
    readonly secretExpiresAt?: number | undefined;
    readonly author?: Author;
  },
): Promise<{ robot: StoredRobot; username: string; secret: NewSecret }> {
  const { project, name, role, expiresAt, secretExpiresAt, author = { by: 'system' } } = options;
  requireName(options);
  requireToCome(clock, expiresAt, secretExpiresAt);
  const prefix = options.prefix === undefined ? undefined : parsePrefix(options.prefix, project);
  const { secret, record } = newRobotSecret(clock, secretExpiresAt);
  const username = robotUsername(project, name);
  await documents.transact(async (transaction) => {
    const present = await transaction.list({ prefix: robotsOf(project), limit: robotsMax });
    const same = present.find(({ key }) => key.at(-1) === name);
    // Its own write, where the answer to that was lost and it runs again.
    if (same !== undefined && secretsOf(recordOf(same)).has(record.id)) return;
    if (same !== undefined) throw conflict(`there is a robot ${username} already`);
    if (present.length >= robotsMax) throw conflict(`a project has at most ${robotsMax} robots`);
    const now = clock.now();
    const robot = { role, prefix, created: now, expiresAt, disabled: false, secrets: [record] };
    writeRobot(transaction, options, { ...robot, at: now });
    noteProject(transaction, project);
    const detail = `${username}: ${described(robot)}; secret ${record.id}`;
    audit(transaction, { action: 'robot.create', project, detail }, { ...author, now });
  });
  return { robot: await readRobot(documents, options), username, secret };
}

/** What may be changed of a robot; `null` takes a prefix or an expiry away. */
export interface RobotChange {
  readonly role?: Role | undefined;
  readonly prefix?: string | null | undefined;
  /** Milliseconds since 1970. */
  readonly expiresAt?: number | null | undefined;
  readonly disabled?: boolean | undefined;
}

/**
 * Changes a robot. The tokens that it has are refused within a minute: its clients get others, by what it is then.
 * @throws RegistryError NAME_UNKNOWN when there is none; UNSUPPORTED (400) when the prefix is not one of the project's,
 *   or it would have expired already
 */
export async function changeRobot(
  { documents, clock }: RobotStore,
  options: RobotName & { readonly author: Author; readonly change: RobotChange },
): Promise<StoredRobot> {
  const { project, name, author, change } = options;
  requireToCome(clock, change.expiresAt ?? undefined);
  const prefix = change.prefix == null ? undefined : parsePrefix(change.prefix, project);
  await documents.transact(async (transaction) => {
    const before = recordOf(await requireRobot(transaction, options));
    const now = clock.now();
    const after: RobotRecord = {
      ...before,
      role: change.role ?? before.role,
      prefix: change.prefix === undefined ? before.prefix : prefix,
      expiresAt:
        change.expiresAt === undefined ? before.expiresAt : (change.expiresAt ?? undefined),
      disabled: change.disabled ?? before.disabled,
      at: now,
    };
    writeRobot(transaction, options, after);
    const detail = `${robotUsername(project, name)}: ${described(before)} → ${described(after)}`;
    audit(transaction, { action: 'robot.change', project, detail }, { ...author, now });
  });
  return readRobot(documents, options);
}

/**
 * Removes a robot with its secrets. Its tokens are refused within a minute.
 * @throws RegistryError NAME_UNKNOWN when there is none
 */
export async function deleteRobot(
  { documents, clock }: RobotStore,
  options: RobotName & { readonly author: Author },
): Promise<void> {
  const { project, name, author } = options;
  await documents.transact(async (transaction) => {
    await requireRobot(transaction, options);
    const now = clock.now();
    transaction.delete(robotKey(project, name));
    revoke(transaction, robotSubject(project, name), now);
    const detail = robotUsername(project, name);
    audit(transaction, { action: 'robot.delete', project, detail }, { ...author, now });
  });
}

/**
 * A robot as it is now.
 * @throws RegistryError NAME_UNKNOWN when there is none
 */
export async function readRobot(
  documents: Pick<Documents, 'get'>,
  name: RobotName,
): Promise<StoredRobot> {
  return storedRobot(await requireRobot(documents, name));
}

/** The robots of a project, in the order of their names: `robotsMax` at most. */
export async function listRobots(
  documents: Documents,
  project: string,
): Promise<readonly StoredRobot[]> {
  if (!isProject(project)) return [];
  const found = await documents.list({ prefix: robotsOf(project), limit: robotsMax });
  return found.map(storedRobot);
}

/**
 * Gives a robot one more secret. Those that it has stay good.
 * @param options.expiresAt milliseconds since 1970 from which the secret is refused
 * @throws RegistryError NAME_UNKNOWN when there is no such robot; UNSUPPORTED: 409 when it has `robotSecretsMax` secrets,
 *   400 when the secret would have expired already
 */
export async function addSecret(
  { documents, clock }: RobotStore,
  options: RobotName & { readonly author: Author; readonly expiresAt?: number | undefined },
): Promise<NewSecret & { readonly username: string }> {
  const { project, name, author, expiresAt } = options;
  requireToCome(clock, expiresAt);
  const { secret, record } = newRobotSecret(clock, expiresAt);
  const username = robotUsername(project, name);
  await documents.transact(async (transaction) => {
    const before = recordOf(await requireRobot(transaction, options));
    // Its own write, where the answer to that was lost and it runs again.
    if (secretsOf(before).has(record.id)) return;
    const now = clock.now();
    // Who rotates by expiry alone need not clear away: what has expired makes room.
    const secrets = before.secrets.filter((one) => !hasExpired(one, now));
    if (secrets.length >= robotSecretsMax) {
      throw conflict(`a robot has at most ${robotSecretsMax} secrets: revoke one`);
    }
    writeRobot(transaction, options, { ...before, secrets: [...secrets, record], at: now });
    const detail = `${username}: ${record.id}${until(record)}`;
    audit(transaction, { action: 'robot.secret.create', project, detail }, { ...author, now });
  });
  return { ...secret, username };
}

/**
 * Takes a secret from a robot: it is refused from now on, and what was got by it within a minute.
 * @param options.id the secret's
 * @throws RegistryError NAME_UNKNOWN when there is no such robot, or it has no such secret
 */
export async function revokeSecret(
  { documents, clock }: RobotStore,
  options: RobotName & { readonly id: string; readonly author: Author },
): Promise<void> {
  const { project, name, id, author } = options;
  const username = robotUsername(project, name);
  await documents.transact(async (transaction) => {
    const before = recordOf(await requireRobot(transaction, options));
    if (!secretsOf(before).has(id)) {
      throw unknown(
        `the robot ${username} has no such secret: ${JSON.stringify(id.slice(0, 100))}`,
      );
    }
    const now = clock.now();
    const secrets = before.secrets.filter((one) => one.id !== id);
    writeRobot(transaction, options, { ...before, secrets, at: now });
    const detail = `${username}: ${id}`;
    audit(transaction, { action: 'robot.secret.revoke', project, detail }, { ...author, now });
  });
}

async function requireRobot(
  documents: Pick<Documents, 'get'>,
  { project, name }: RobotName,
): Promise<Document> {
  const username = robotUsername(project, name);
  const found = await findRobot(documents, username);
  if (found === undefined) throw unknown(`there is no robot ${username.slice(0, 600)}`);
  return found;
}

function writeRobot(transaction: Transaction, { project, name }: RobotName, record: RobotRecord) {
  const { expiresAt, at } = record;
  const goneAt = expiresAt && expiresAt + robotKeptDays * 24 * 60 * 60 * 1000;
  transaction.set(robotKey(project, name), record, { expiresAt: goneAt });
  revoke(transaction, robotSubject(project, name), at);
}

/** The id stands in the secret too, so that who finds one knows which it is. Scanners know it by its beginning. */
function newRobotSecret(
  clock: Clock,
  expiresAt: number | undefined,
): { secret: NewSecret; record: SecretRecord } {
  const id = randomBytes(5).toString('hex');
  const secret = `berth_robot_${id}_${newSecret()}`;
  return {
    secret: { id, secret },
    record: { id, sha256: sha256(secret), created: clock.now(), expiresAt },
  };
}

function described({
  role,
  prefix,
  expiresAt,
  disabled,
}: Pick<RobotRecord, 'role' | 'prefix' | 'expiresAt' | 'disabled'>): string {
  const where = prefix === undefined ? '' : ` of ${prefix}`;
  return `${role}${where}${until({ expiresAt })}${disabled ? ', disabled' : ''}`;
}

function until({ expiresAt }: { expiresAt?: number | undefined }): string {
  return expiresAt === undefined ? '' : ` until ${new Date(expiresAt).toISOString()}`;
}

function requireName({ project, name }: RobotName): void {
  if (!isProject(project))
    throw nameInvalid(`not a project: ${JSON.stringify(project.slice(0, 300))}`);
  if (!isRobotName(name)) {
    throw nameInvalid(
      `not a robot's name: ${JSON.stringify(name.slice(0, 300))}; one is of a-z and 0-9, with . _ - between them`,
    );
  }
}

/** Dates in JavaScript end at 8,640,000,000,000,000 ms. */
function requireToCome(clock: Clock, ...times: (number | undefined)[]): void {
  for (const time of times) {
    if (time === undefined) continue;
    if (!(time > clock.now() && time <= 8.64e15)) {
      throw new RegistryError('UNSUPPORTED', {
        message: 'a time of expiry must be one that is still to come',
        status: 400,
      });
    }
  }
}

function nameInvalid(message: string): RegistryError {
  return new RegistryError('NAME_INVALID', { message });
}

function conflict(message: string): RegistryError {
  return new RegistryError('UNSUPPORTED', { message, status: 409 });
}

function unknown(message: string): RegistryError {
  return new RegistryError('NAME_UNKNOWN', { message });
}
