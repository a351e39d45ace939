// What there is to say of each operation of the admin API, beside what the route table knows.

import type { ActionName } from '#functions/routes.ts';
import type { AnswerHeader, QueryName } from './parameters.ts';
import type { SchemaName } from './schemas.ts';

export type AdminAction = Extract<ActionName, `admin/${string}`>;

export interface Operation {
  readonly summary: string;
  readonly description?: string;
  readonly query?: readonly QueryName[];
  /** It is refused unless the policy is the one of this etag. */
  readonly ifMatch?: true;
  readonly body?: SchemaName;
  /** Status, and the schema of the body, if there is one. */
  readonly answer: readonly [status: 200 | 201 | 204, schema?: SchemaName | 'OpenApi'];
  readonly headers?: readonly AnswerHeader[];
  /** What else it may be refused by, beside what all may be. */
  readonly refusals?: readonly (400 | 404 | 409 | 412 | 413 | 415)[];
}

/** What all operations with a body may be refused by. */
const badBodies = [400, 413, 415] as const;

export const operations: Readonly<Record<AdminAction, Operation>> = {
  'admin/openapi': {
    summary: 'This description',
    answer: [200, 'OpenApi'],
    headers: ['ETag'],
  },
  'admin/whoami': { summary: 'Whom the registry takes the caller for', answer: [200, 'Who'] },
  'admin/list-projects': {
    summary: 'Lists the projects in which the caller holds a role',
    description:
      'Operators hold one in every project: they are shown those with a policy or robots first, and then those that only have repositories.',
    query: ['n', 'last', 'undecided'],
    answer: [200, 'Projects'],
    headers: ['Link'],
    refusals: [400],
  },
  'admin/get-policy': {
    summary: 'Shows the policy of a project',
    answer: [200, 'Policy'],
    headers: ['ETag'],
  },
  'admin/put-policy': {
    summary: 'Replaces the policy of a project',
    description:
      'It is refused with 412 when somebody else changed the policy since it was read, and with 400 when the caller would own the project no more. It holds at once for who logs in, and within a minute for tokens that were issued before.',
    query: ['force'],
    ifMatch: true,
    body: 'PolicyReplacement',
    answer: [200, 'Policy'],
    headers: ['ETag'],
    refusals: [...badBodies, 412],
  },
  'admin/list-robots': { summary: 'Lists the robots of a project', answer: [200, 'Robots'] },
  'admin/create-robot': {
    summary: 'Makes a robot, and shows its first secret once',
    body: 'NewRobot',
    answer: [201, 'CreatedRobot'],
    headers: ['Location'],
    refusals: [...badBodies, 409],
  },
  'admin/get-robot': { summary: 'Shows a robot', answer: [200, 'Robot'], refusals: [404] },
  'admin/change-robot': {
    summary: 'Changes a robot',
    description: 'Tokens that it was issued before are refused within a minute.',
    body: 'RobotChange',
    answer: [200, 'Robot'],
    refusals: [...badBodies, 404],
  },
  'admin/delete-robot': {
    summary: 'Deletes a robot, with its secrets',
    answer: [204],
    refusals: [404],
  },
  'admin/create-secret': {
    summary: 'Makes another secret, and shows it once',
    description:
      'Those that the robot has stay good, so that it can be told the new one meanwhile.',
    body: 'NewSecret',
    answer: [201, 'CreatedSecret'],
    headers: ['Location'],
    refusals: [...badBodies, 404, 409],
  },
  'admin/revoke-secret': {
    summary: 'Revokes a secret',
    description: 'Tokens that were got by it are refused within a minute.',
    answer: [204],
    refusals: [404],
  },
  'admin/list-rules': {
    summary: 'Lists the federation rules of a project',
    answer: [200, 'FederationRules'],
    headers: ['ETag'],
  },
  'admin/create-rule': {
    summary: 'Adds a federation rule',
    query: ['force'],
    ifMatch: true,
    body: 'NewFederationRule',
    answer: [201, 'FederationRule'],
    headers: ['ETag', 'Location'],
    refusals: [...badBodies, 409, 412],
  },
  'admin/change-rule': {
    summary: 'Replaces a federation rule',
    query: ['force'],
    ifMatch: true,
    body: 'NewFederationRule',
    answer: [200, 'FederationRule'],
    headers: ['ETag'],
    refusals: [...badBodies, 404, 412],
  },
  'admin/delete-rule': {
    summary: 'Removes a federation rule',
    query: ['force'],
    ifMatch: true,
    answer: [204],
    headers: ['ETag'],
    refusals: [400, 404, 412],
  },
  'admin/list-audit': {
    summary: 'Lists who changed what in a project, the latest first',
    description:
      'A page may have fewer entries than were asked for: Link says whether there are more.',
    query: ['n', 'after', 'repository', 'action'],
    answer: [200, 'AuditPage'],
    headers: ['Link'],
    refusals: [400],
  },
};
