// PUT /api/v1/projects/{project}/policy: puts a policy in the place of the one that was read. Two who do so at once do not
// undo what the other did: the later one is refused, and reads again.

import { parseBindings } from '#shared/auth/policies.ts';
import type { Binding, ProjectPolicy } from '#shared/auth/policy.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import type { ProjectAction } from '../action.ts';
import { policyBodySchema, readBody } from './bodies.ts';
import { change, policyReply } from './policy-changes.ts';

export const putPolicy: ProjectAction = async (request, services) => {
  const body = await readBody(request, policyBodySchema);
  const { etag, writersDelete, gcrDeletes, bindings: named } = body;
  if (etag === undefined && request.headers['if-match'] === undefined) {
    throw new RegistryError('UNSUPPORTED', {
      message:
        'say which policy this one is to replace, by the etag that it was read with: as etag, or as If-Match; If-Match: * is for any',
      status: 400,
    });
  }
  const bindings = parseBindings(named, request.project);
  const { policy, audited } = await change(request, services, {
    action: 'policy.change',
    etags: etag === undefined ? undefined : [quoted(etag)],
    detail: describeChange,
    to: (before) => ({
      bindings,
      writersDelete,
      gcrDeletes: gcrDeletes ?? before.gcrDeletes === true,
      federation: before.federation,
    }),
  });
  return { ...policyReply(policy), audited };
};

function quoted(etag: string): string {
  return etag.startsWith('"') ? etag : `"${etag}"`;
}

/** What was given (+) and what was taken (-). */
function describeChange(before: ProjectPolicy, after: ProjectPolicy): string {
  const [was, is] = [given(before.bindings), given(after.bindings)];
  const changes = [
    ...[...is].filter((one) => !was.has(one)).map((one) => `+ ${one}`),
    ...[...was].filter((one) => !is.has(one)).map((one) => `- ${one}`),
  ];
  for (const [what, old, now] of [
    ['writers delete', before.writersDelete, after.writersDelete],
    ['gcr.io’s rules of deleting', before.gcrDeletes === true, after.gcrDeletes === true],
  ] as const) {
    if (now !== old) changes.push(`${now ? '+' : '-'} ${what}`);
  }
  return changes.length === 0 ? 'the same' : changes.join('; ');
}

function given(bindings: readonly Binding[]): ReadonlySet<string> {
  const each = bindings.flatMap(({ role, members, prefix }) =>
    members.map((member) => `${role} ${member}${prefix === undefined ? '' : ` of ${prefix}`}`),
  );
  return new Set(each);
}
