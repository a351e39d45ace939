// What the admin API answers: the types of its answers, and, for its description, their schemas.

import * as v from 'valibot';
import { errorCodes } from '#shared/oci/errors.ts';

const time = v.pipe(v.string(), v.isoTimestamp());
const role = v.picklist(['owner', 'writer', 'reader']);

export const errorsSchema = v.object({
  errors: v.pipe(
    v.array(
      v.object({
        code: v.picklist(Object.keys(errorCodes)),
        message: v.string(),
        // What else there is to tell is each error's own.
        detail: v.objectWithRest({ requestId: v.string() }, v.unknown()),
      }),
    ),
    v.minLength(1),
  ),
});

export const whoSchema = v.object({
  principal: v.string(),
  host: v.string(),
  operator: v.boolean(),
});
export type Who = v.InferOutput<typeof whoSchema>;

export const projectsSchema = v.object({
  projects: v.array(v.object({ project: v.string(), role })),
});
export type Projects = v.InferOutput<typeof projectsSchema>;

export const bindingSchema = v.object({
  role,
  members: v.array(v.string()),
  prefix: v.optional(v.string()),
});

export const policyAnswerSchema = v.object({
  etag: v.string(),
  bindings: v.array(bindingSchema),
  writersDelete: v.boolean(),
  gcrDeletes: v.boolean(),
});
export type PolicyAnswer = v.InferOutput<typeof policyAnswerSchema>;

export const secretSchema = v.object({
  id: v.string(),
  created: time,
  expiresAt: v.optional(time),
});

export const robotSchema = v.object({
  name: v.string(),
  username: v.string(),
  role,
  prefix: v.optional(v.string()),
  created: time,
  expiresAt: v.optional(time),
  disabled: v.boolean(),
  secrets: v.array(secretSchema),
});
export type RobotAnswer = v.InferOutput<typeof robotSchema>;

export const robotsSchema = v.object({ robots: v.array(robotSchema) });

export const createdRobotSchema = v.object({
  robot: robotSchema,
  username: v.string(),
  secret: v.object({ id: v.string(), secret: v.string() }),
});
export type CreatedRobot = v.InferOutput<typeof createdRobotSchema>;

export const createdSecretSchema = v.object({
  id: v.string(),
  secret: v.string(),
  username: v.string(),
});
export type CreatedSecret = v.InferOutput<typeof createdSecretSchema>;

export const ruleSchema = v.object({
  id: v.string(),
  issuer: v.string(),
  audience: v.optional(v.string()),
  claims: v.record(v.string(), v.string()),
  role: v.optional(role),
  prefix: v.optional(v.string()),
});

export const rulesSchema = v.object({ etag: v.string(), rules: v.array(ruleSchema) });

export const auditEntrySchema = v.object({
  id: v.string(),
  at: time,
  actor: v.string(),
  action: v.string(),
  repository: v.optional(v.string()),
  digest: v.optional(v.string()),
  tags: v.optional(v.array(v.string())),
  address: v.optional(v.string()),
  requestId: v.optional(v.string()),
  detail: v.optional(v.string()),
});
export type AuditAnswer = v.InferOutput<typeof auditEntrySchema>;

export const auditPageSchema = v.object({ entries: v.array(auditEntrySchema) });
