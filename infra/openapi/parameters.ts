// What stands in paths, queries and headers of the admin API.

import { auditActions } from '#shared/audit/entries.ts';
import { nameCharactersMax } from '#shared/oci/limits.ts';

export interface Parameter {
  readonly description: string;
  readonly schema: object;
}

const text = { type: 'string' };
const flag = { type: 'string', enum: ['true', 'false'] };

export const pathParameters = {
  project: {
    description:
      'The project: what the names of its repositories begin with. That of a domain is written example.com:project.',
    schema: {
      ...text,
      pattern:
        '^[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?::[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)?$',
      maxLength: nameCharactersMax,
    },
  },
  robot: { description: 'The robot’s name, without its project.', schema: text },
  secret: { description: 'The secret’s id.', schema: text },
  rule: { description: 'The federation rule’s id.', schema: text },
} as const satisfies Readonly<Record<string, Parameter>>;

export const queryParameters = {
  n: {
    description: 'So many at most. There may be a lower limit.',
    schema: { type: 'integer', minimum: 0 },
  },
  last: { description: 'The project after which the page begins.', schema: text },
  undecided: {
    description: 'For operators: the projects that only have repositories.',
    schema: flag,
  },
  after: { description: 'What the Link of the page before says.', schema: text },
  repository: { description: 'Only changes in this repository.', schema: text },
  action: {
    description: 'Only changes of this kind.',
    schema: { type: 'string', enum: [...auditActions] },
  },
  force: {
    description: 'Also when the caller will own the project no more.',
    schema: flag,
  },
} as const satisfies Readonly<Record<string, Parameter>>;
export type QueryName = keyof typeof queryParameters;

export const ifMatch: Parameter = {
  description:
    'The etag of the policy that is to be changed, as it was read: 412 when it is another now. * is for any.',
  schema: text,
};

export const answerHeaders = {
  ETag: { description: 'What it is now, for If-Match and If-None-Match.', schema: text },
  Link: { description: 'The next page, where there is one (rel="next").', schema: text },
  Location: { description: 'Where it is now.', schema: text },
} as const satisfies Readonly<Record<string, Parameter>>;
export type AnswerHeader = keyof typeof answerHeaders;
