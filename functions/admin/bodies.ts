// What the admin API is sent: JSON, and what it must be.

import * as v from 'valibot';
import { federationRuleSchema } from '#shared/auth/oidc/federation-rules.ts';
import { policySchema, prefixSchema, roleSchema } from '#shared/auth/policies.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { nestsDeeper } from '#shared/oci/json.ts';
import { adminBodyBytesMax, adminNestingMax, nameCharactersMax } from '#shared/oci/limits.ts';
import { mediaTypes, parseContentType } from '#shared/oci/media-types.ts';
import type { ActionRequest } from '../action.ts';

/**
 * The time that an RFC 3339 date-time (section 5.6) stands for, in milliseconds since 1970; up to the year 9999, so that it
 * can be written as one again.
 */
const timeSchema = v.pipe(
  v.string('must be a time as 2027-01-31T12:00:00Z'),
  v.isoTimestamp('must be a time as 2027-01-31T12:00:00Z'),
  v.regex(
    /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/,
    'must be a time as 2027-01-31T12:00:00Z',
  ),
  v.check(isDay, 'must be a day that there is'),
  v.transform((text) => Date.parse(text)),
  v.maxValue(Date.UTC(9999, 11, 31), 'must be before the year 10000'),
);

/** What stands for a policy: the etag that it was read with, when no `If-Match` says it. */
export const policyBodySchema = v.strictObject({
  ...policySchema.entries,
  etag: v.optional(v.pipe(v.string(), v.maxLength(64, 'must be what the policy was read with'))),
});

export const newRobotSchema = v.strictObject({
  name: v.pipe(
    v.string(),
    v.maxLength(nameCharactersMax, `must be at most ${nameCharactersMax} characters`),
    v.regex(
      /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/,
      'must be small letters and digits, with . _ - between',
    ),
  ),
  role: roleSchema,
  prefix: v.optional(prefixSchema),
  expiresAt: v.optional(timeSchema),
  secretExpiresAt: v.optional(timeSchema),
});

/** What is left out stays as it is, and `null` takes it away. */
export const robotChangeSchema = v.strictObject({
  role: v.optional(roleSchema),
  prefix: v.optional(v.nullable(prefixSchema)),
  expiresAt: v.optional(v.nullable(timeSchema)),
  disabled: v.optional(v.boolean()),
});

export const newSecretSchema = v.strictObject({ expiresAt: v.optional(timeSchema) });

/** What issuers, claims and prefixes make sense together `parseFederationRule` says. */
export const ruleBodySchema = federationRuleSchema;

/**
 * The body of a request, as a schema has it. No body is an empty object.
 * @throws RegistryError UNSUPPORTED: 415 when it is said to be no JSON, 400 with the place of what is wrong, never with
 *   what stands there; SIZE_INVALID (413) above `adminBodyBytesMax`
 */
export async function readBody<S extends v.GenericSchema>(
  request: ActionRequest,
  schema: S,
): Promise<v.InferOutput<S>> {
  const parsed = v.safeParse(schema, await readJson(request), {
    abortEarly: true,
    message: ({ expected, received }) => whatIsExpected(expected, received),
  });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = (v.getDotPath(issue) ?? '').slice(0, 200);
  throw badBody(`${path === '' ? 'the body' : path} ${issue.message}`, { path });
}

/**
 * The body of a request, which is an object.
 * @throws RegistryError as {@link readBody}
 */
export async function readJson({ headers, body }: ActionRequest): Promise<object> {
  const contentType = parseContentType(headers['content-type']);
  if (contentType !== undefined && contentType !== mediaTypes.json) {
    throw new RegistryError('UNSUPPORTED', {
      message: `the body must be ${mediaTypes.json}`,
      status: 415,
    });
  }
  const bytes = await body.bytes(adminBodyBytesMax);
  if (bytes.length === 0) return {};
  if (nestsDeeper(bytes, adminNestingMax)) {
    throw badBody(`the body nests deeper than ${adminNestingMax}`);
  }
  const json = parseJson(bytes);
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json;
  throw badBody('the body must be a JSON object');
}

/** Texts that no store could keep as they are (half a character) are as wrong as bytes that are no UTF-8. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return JSON.parse(text, (key: string, value: unknown) => {
      if (key.isWellFormed() && (typeof value !== 'string' || value.isWellFormed())) return value;
      throw new TypeError('half a character');
    });
  } catch {
    throw badBody('the body is not JSON in UTF-8');
  }
}

function whatIsExpected(expected: string | null, received: string): string {
  // An object has what its schema does not.
  if (expected === 'never') return 'is not known here';
  if (received === 'undefined') return 'must be there';
  return `must be ${(expected ?? 'something else').toLowerCase().replaceAll('"', '')}`;
}

function isDay(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split('-').map(Number);
  const date = new Date(Date.UTC(2000, month - 1, day));
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCDate() === day && !Number.isNaN(Date.parse(text));
}

function badBody(message: string, detail?: object): RegistryError {
  return new RegistryError('UNSUPPORTED', { message, detail, status: 400 });
}
