// PUT /api/v1/projects/{project}/federation/{rule}: puts a rule in the place of the one of that id.

import { parseFederationRule } from '#shared/auth/oidc/federation-rules.ts';
import { etagOf } from '#shared/auth/policies.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import type { ProjectAction } from '../action.ts';
import { readJson } from './bodies.ts';
import { change, describeRule, requireRule } from './policy-changes.ts';
import { privateReply } from './replies.ts';

export const changeRule: ProjectAction = async (request, services) => {
  const { project, params } = request;
  const id = params['rule'] ?? '';
  const body = await readJson(request);
  if ('id' in body && body.id !== id) {
    throw new RegistryError('UNSUPPORTED', {
      message: 'id must be that of the path, or be left out: a rule keeps its id',
      status: 400,
    });
  }
  const { id: _made, ...rest } = parseFederationRule(body, project, services.privateIssuers);
  const rule = { id, ...rest };
  const { policy, audited } = await change(request, services, {
    action: 'federation.change',
    etags: undefined,
    detail: (before) => `${describeRule(requireRule(before, id))} → ${describeRule(rule)}`,
    to: (before) => {
      requireRule(before, id);
      const federation = before.federation.map((one) => (one.id === id ? rule : one));
      return { ...before, federation };
    },
  });
  return { ...privateReply(rule, { ETag: etagOf(policy) }), audited };
};
