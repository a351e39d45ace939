// POST /api/v1/projects/{project}/federation: takes the ID tokens of more jobs.

import { parseFederationRule } from '#shared/auth/federation-rules.ts';
import { etagOf, requireRoom } from '#shared/auth/policies.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import type { ProjectAction } from '../action.ts';
import { readJson } from './bodies.ts';
import { change, describeRule } from './policy-changes.ts';
import { createdReply, projectPath } from './replies.ts';

export const createRule: ProjectAction = async (request, services) => {
  const { project } = request;
  const rule = parseFederationRule(await readJson(request), project, services.privateIssuers);
  const policy = await change(request, services, {
    action: 'federation.create',
    detail: () => describeRule(rule),
    to: (before) => {
      if (before.federation.some(({ id }) => id === rule.id)) throw exists(rule.id);
      const federation = [...before.federation, rule];
      requireRoom(federation);
      return { ...before, federation };
    },
  });
  return createdReply(rule, projectPath(project, 'federation', rule.id), { ETag: etagOf(policy) });
};

function exists(id: string): RegistryError {
  return new RegistryError('UNSUPPORTED', {
    message: `there is a federation rule ${id} already: PUT changes it`,
    status: 409,
  });
}
