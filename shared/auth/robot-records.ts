// A robot as it is kept.
//
//   - / project / robots / name               RobotRecord
//
// A record was once that of one secret (`secretSha256`). Such a one is read as a robot whose one secret is called
// `first`, and is written in the new form by the first change.

import type { Clock } from '../ports/clock.ts';
import type { Document, Documents, Key } from '../ports/documents.ts';
import { isProject, isRobotName } from './names.ts';
import type { Role } from './principal.ts';

export type SecretRecord = {
  readonly id: string;
  readonly sha256: string;
  readonly created: number;
  readonly expiresAt?: number | undefined;
};

export type RobotRecord = {
  readonly role: Role;
  readonly prefix?: string | undefined;
  readonly created: number;
  readonly expiresAt?: number | undefined;
  readonly disabled: boolean;
  readonly secrets: readonly SecretRecord[];
  /** When it was changed: a write of the same may count as none, and then have no new version. */
  readonly at: number;
};

type OneSecretRecord = Pick<RobotRecord, 'role' | 'prefix' | 'created' | 'expiresAt'> & {
  readonly secretSha256: string;
};

export const robotsOf = (project: string): Key => ['-', project, 'robots'];
/** A robot belongs to no location (shared/registry/layout.ts). */
export const robotKey = (project: string, name: string): Key => ['-', project, 'robots', name];

/** What a token remembers a robot by. */
export const robotSubject = (project: string, name: string): string => `robot:${name}@${project}`;

/** What a robot logs in as. */
export const robotUsername = (project: string, name: string): string => `${name}@${project}`;

/** What is told of a secret: all but the secret. Times in milliseconds since 1970. */
export interface StoredSecret {
  readonly id: string;
  readonly created: number;
  /** From when it is refused. */
  readonly expiresAt?: number | undefined;
}

/** A robot as it is kept. Times in milliseconds since 1970. */
export interface StoredRobot {
  readonly name: string;
  readonly project: string;
  readonly role: Role;
  /** Only this repository and those below it. */
  readonly prefix?: string | undefined;
  readonly created: number;
  /** From when it is refused. It can still be given more time for `robotKeptDays`, and then is gone. */
  readonly expiresAt?: number | undefined;
  /** Whether it is refused for now. */
  readonly disabled: boolean;
  readonly secrets: readonly StoredSecret[];
  /** What tokens remember it by: microseconds since 1970. */
  readonly version: number;
}

export interface RobotStore {
  readonly documents: Documents;
  readonly clock: Clock;
}

/** Which robot. */
export interface RobotName {
  readonly project: string;
  readonly name: string;
}

/** The robot's document by its username (`name@project`), whoever asks; `undefined` when there is none. */
export async function findRobot(
  documents: Pick<Documents, 'get'>,
  username: string,
): Promise<Document | undefined> {
  const [name = '', project = '', ...more] = username.split('@');
  if (more.length > 0 || !isRobotName(name) || !isProject(project)) return undefined;
  return documents.get(robotKey(project, name));
}

/** The record in a robot's document, in the new form. */
export function recordOf({ value }: Document): RobotRecord {
  const record = value as RobotRecord | OneSecretRecord;
  if (!('secretSha256' in record)) return record;
  const { role, prefix, created, expiresAt, secretSha256 } = record;
  const secrets = [{ id: 'first', sha256: secretSha256, created }];
  return { role, prefix, created, expiresAt, disabled: false, secrets, at: created };
}

/** What is told of a robot's document. */
export function storedRobot(document: Document): StoredRobot {
  const { key, committedAt } = document;
  const { role, prefix, created, expiresAt, disabled, secrets } = recordOf(document);
  return {
    name: key.at(-1) ?? '',
    project: key[1] ?? '',
    role,
    prefix,
    created,
    expiresAt,
    disabled,
    secrets: secrets.map(({ sha256: _hash, ...told }) => told),
    version: committedAt,
  };
}

/** Secrets by their ids. */
export function secretsOf({ secrets }: RobotRecord): Map<string, SecretRecord> {
  return new Map(secrets.map((secret) => [secret.id, secret]));
}

export function hasExpired(
  { expiresAt }: { expiresAt?: number | undefined },
  now: number,
): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}
