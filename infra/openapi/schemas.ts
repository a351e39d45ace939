// The schemas of the admin API's description: made of those that bodies are checked by, and of those of its answers.

import { type JsonSchema, toJsonSchema } from '@valibot/to-json-schema';
import type * as v from 'valibot';
import {
  auditEntrySchema,
  auditPageSchema,
  bindingSchema,
  createdRobotSchema,
  createdSecretSchema,
  errorsSchema,
  policyAnswerSchema,
  projectsSchema,
  robotSchema,
  robotsSchema,
  ruleSchema,
  rulesSchema,
  secretSchema,
  whoSchema,
} from '#functions/admin/answers.ts';
import {
  newRobotSchema,
  newSecretSchema,
  policyBodySchema,
  robotChangeSchema,
  ruleBodySchema,
} from '#functions/admin/bodies.ts';

/** Name → the schema, and what it is of. */
const named = {
  Errors: [errorsSchema, 'Why a request was refused.'],
  Who: [whoSchema, 'Whom the registry takes the caller for.'],
  Projects: [
    projectsSchema,
    'Projects with the greatest role that the caller holds somewhere in each. That of a domain is written example.com:project.',
  ],
  Binding: [bindingSchema, 'A role and who has it, in the project or below a prefix.'],
  Policy: [policyAnswerSchema, 'Who may do what in a project.'],
  PolicyReplacement: [
    policyBodySchema,
    'A policy that is to replace the one of that etag, which If-Match may say instead. Members are user:EMAIL, serviceAccount:EMAIL or its number, robot:NAME or robot:NAME@PROJECT, principal://ISSUER/SUBJECT, principalSet://ISSUER/CLAIM.VALUE, allAuthenticatedUsers and allUsers. Google’s names of roles are taken for ours.',
  ],
  Secret: [secretSchema, 'That there is a secret. It itself was shown once.'],
  Robot: [robotSchema, 'An account for machines.'],
  Robots: [robotsSchema, 'All robots of a project.'],
  NewRobot: [newRobotSchema, 'A robot that is to be.'],
  RobotChange: [
    robotChangeSchema,
    'What is to be changed of a robot. What is left out stays as it is; null takes it away.',
  ],
  CreatedRobot: [createdRobotSchema, 'A robot, with its secret, which is shown this once.'],
  NewSecret: [newSecretSchema, 'A secret that is to be.'],
  CreatedSecret: [createdSecretSchema, 'A secret, which is shown this once.'],
  FederationRule: [
    ruleSchema,
    'Which jobs of which issuer of OpenID Connect count in the project. In patterns * stands for any characters but / and :, ** for any.',
  ],
  FederationRules: [rulesSchema, 'All federation rules of a project.'],
  NewFederationRule: [
    ruleBodySchema,
    'A federation rule that is to be. Without an audience tokens are to be made for the registry, without a role the policy’s bindings say what jobs may do.',
  ],
  AuditEntry: [auditEntrySchema, 'Who changed what.'],
  AuditPage: [auditPageSchema, 'Changes, the latest first.'],
} as const satisfies Readonly<Record<string, readonly [v.GenericSchema, string]>>;

export type SchemaName = keyof typeof named;

/** Every schema under `#/components/schemas/`, in the dialect of OpenAPI 3.1, which is JSON Schema 2020-12. */
export function componentSchemas(): Readonly<Record<string, JsonSchema>> {
  const definitions = Object.fromEntries(
    Object.entries(named).map(([name, [schema]]) => [name, schema]),
  );
  return Object.fromEntries(
    Object.entries(named).map(([name, [schema, description]]) => {
      // Of itself it would be a reference to itself.
      const { [name]: _itself, ...others } = definitions;
      const {
        $schema: _dialect,
        $defs: _others,
        ...made
      } = toJsonSchema(schema, {
        target: 'draft-2020-12',
        typeMode: 'input',
        // What only the code can say, it says in its answer.
        ignoreActions: ['check'],
        definitions: others,
        overrideRef: ({ referenceId }) => reference(referenceId as SchemaName).$ref,
      });
      return [name, { description, ...made }];
    }),
  );
}

export function reference(name: SchemaName): { readonly $ref: string } {
  return { $ref: `#/components/schemas/${name}` };
}
