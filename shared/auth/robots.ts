// Robots: accounts for machines, each of one project. Their secrets are 256 random bits, shown once,
// stored as SHA-256: what cannot be guessed needs no slow hash.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { nameCharactersMax } from '../oci/limits.ts';
import { parseRepositoryName, projectOf } from '../oci/reference.ts';
import type { Clock } from '../ports/clock.ts';
import type { Documents, Key } from '../ports/documents.ts';
import type { Robot, Role } from './principal.ts';
import { revoke } from './revocations.ts';

type RobotRecord = {
  readonly secretSha256: string;
  readonly role: Role;
  readonly prefix?: string | undefined;
  readonly created: number;
  readonly expiresAt?: number | undefined;
};

/** `- / project / robots / name`: a robot belongs to no location (shared/registry/layout.ts). */
const robotKey = (project: string, name: string): Key => ['-', project, 'robots', name];

const namePattern = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;

/** What a token remembers a robot by. */
export const robotSubject = (project: string, name: string): string => `robot:${name}@${project}`;

/** Not any text: what a client sends becomes part of a key, which may not be as long as a header. */
export function isRobotName(text: string): boolean {
  return text.length <= nameCharactersMax && namePattern.test(text);
}

/** A project's name: one segment of a repository's name, or two where the first has a dot. */
export function isProject(text: string): boolean {
  const name = parseRepositoryName(text);
  return name !== undefined && projectOf(name) === text;
}

export interface CreatedRobot {
  /** What to log in as: `name@project`. */
  readonly username: string;
  /** Shown now and never again. */
  readonly secret: string;
}

/**
 * Makes a robot, or gives one that exists a new secret, role and prefix.
 * @param options.expiresAt milliseconds since 1970 from which it is refused
 * @throws Error when the name or the project is not one
 */
export async function createRobot(
  { documents, clock }: { documents: Documents; clock: Clock },
  options: {
    readonly project: string;
    readonly name: string;
    readonly role: Role;
    readonly prefix?: string;
    readonly expiresAt?: number;
  },
): Promise<CreatedRobot> {
  const { project, name, role, prefix, expiresAt } = options;
  if (!isRobotName(name)) throw new Error(`not a robot's name: ${name}`);
  if (!isProject(project)) throw new Error(`not a project: ${project}`);
  const secret = newSecret();
  const record: RobotRecord = {
    secretSha256: sha256(secret),
    role,
    prefix: prefix?.replace(/\/$/, ''),
    created: clock.now(),
    expiresAt,
  };
  await documents.transact(async (transaction) => {
    transaction.set(robotKey(project, name), record, { expiresAt });
    revoke(transaction, robotSubject(project, name), clock.now());
  });
  return { username: `${name}@${project}`, secret };
}

/** The robot of that username (`name@project`), whoever asks; `undefined` when there is none or it has expired. */
export async function findRobot(
  documents: Documents,
  username: string,
): Promise<
  | { robot: Robot; secretSha256: string; version: number; expiresAt?: number | undefined }
  | undefined
> {
  const [name = '', project = '', ...more] = username.split('@');
  if (more.length > 0 || !isRobotName(name) || !isProject(project)) return undefined;
  const found = await documents.get(robotKey(project, name));
  if (found === undefined) return undefined;
  const { role, prefix, secretSha256, expiresAt } = found.value as RobotRecord;
  const robot: Robot = { kind: 'robot', name, project, role, prefix };
  return { robot, secretSha256, version: found.committedAt, expiresAt };
}

/** A secret of 256 random bits, in letters that need no quoting. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

export function sha256(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Whether a secret has that hash, in a time that does not tell how nearly. */
export function hasHash(secret: string, secretSha256: string): boolean {
  const [actual, expected] = [Buffer.from(sha256(secret)), Buffer.from(secretSha256)];
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}
