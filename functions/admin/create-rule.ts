// POST /api/v1/projects/{project}/federation: takes the ID tokens of more jobs.

import { parseFederationRule } from '#shared/auth/oidc/federation-rules.ts';
import { etagOf, requireRoom } from '#shared/auth/policies.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import type { ProjectAction } from '../action.ts';
import { readJson } from './bodies.ts';
import { change, describeRule } from './policy-changes.ts';
import { createdReply, projectPath } from './replies.ts';

export const createRule: ProjectAction = async (request, services) => {
  const { project } = request;
  const rule = parseFederationRule(await readJson(request), project, services.privateIssuers);
  const { policy, audited } = await change(request, services, {
    action: 'federation.create',
    etags: undefined,
    detail: () => describeRule(rule),
    to: (before) => {
      if (before.federation.some(({ id }) => id === rule.id)) throw exists(rule.id);
      const federation = [...before.federation, rule];
      requireRoom(federation);
      return { ...before, federation };
    },
  });
  const location = projectPath(project, 'federation', rule.id);
  return { ...createdReply(rule, location, { ETag: etagOf(policy) }), audited };
};

function exists(id: string): RegistryError {
  return new RegistryError('UNSUPPORTED', {
    message: `there is a federation rule ${id} already: PUT changes it`,
    status: 409,
  });
}
