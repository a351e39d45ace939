// PUT /api/v1/projects/{project}/policy: puts a policy in the place of the one that was read. Two who do so at once do not
// undo what the other did: the later one is refused, and reads again.

import { parseBindings } from '#shared/auth/policies.ts';
import type { Binding, ProjectPolicy } from '#shared/auth/policy.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import type { ProjectAction } from '../action.ts';
import { policyBodySchema, readBody } from './bodies.ts';
import { change, policyReply } from './policy-changes.ts';

export const putPolicy: ProjectAction = async (request, services) => {
  const { etag, writersDelete, bindings: named } = await readBody(request, policyBodySchema);
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
    to: ({ federation }) => ({ bindings, writersDelete, federation }),
  });
  return { ...policyReply(policy), audited };
};

function quoted(etag: string): string {
  return etag.startsWith('"') ? etag : `"${etag}"`;
}

/** What was given (+) and what was taken (-). */
function describeChange(before: ProjectPolicy, after: ProjectPolicy): string {
  const [old, now] = [given(before.bindings), given(after.bindings)];
  const changes = [
    ...[...now].filter((one) => !old.has(one)).map((one) => `+ ${one}`),
    ...[...old].filter((one) => !now.has(one)).map((one) => `- ${one}`),
  ];
  const { writersDelete } = after;
  if (writersDelete !== before.writersDelete) {
    changes.push(writersDelete ? '+ writers delete' : '- writers delete');
  }
  return changes.length === 0 ? 'the same' : changes.join('; ');
}

function given(bindings: readonly Binding[]): ReadonlySet<string> {
  const each = bindings.flatMap(({ role, members, prefix }) =>
    members.map((member) => `${role} ${member}${prefix === undefined ? '' : ` of ${prefix}`}`),
  );
  return new Set(each);
}
