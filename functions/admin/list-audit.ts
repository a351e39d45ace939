// GET /api/v1/projects/{project}/audit: who changed what, the latest first.

import { type AuditAction, type AuditEntry, auditActions } from '#shared/audit/entries.ts';
import { listAudit as list } from '#shared/audit/list.ts';
import { pathOfProject } from '#shared/auth/names.ts';
import { nextLink, parsePage } from '#shared/http/pagination.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { auditEntriesMax, auditPageDefault } from '#shared/oci/limits.ts';
import { parseRepositoryName, projectOf } from '#shared/oci/reference.ts';
import type { ProjectAction } from '../action.ts';
import type { AuditAnswer } from './answers.ts';
import { privateReply, projectPath, timeText } from './replies.ts';

export const listAudit: ProjectAction = async ({ project, query }, { documents }) => {
  const limit = Math.min(parsePage(query, auditPageDefault).limit, auditEntriesMax);
  const repository = readRepository(query, project);
  const action = readAction(query);
  const after = query.get('after') ?? undefined;
  const { entries, next } = await list(documents, project, { limit, after, repository, action });
  const parameters = {
    n: String(limit),
    ...(repository === undefined ? {} : { repository }),
    ...(action === undefined ? {} : { action }),
  };
  const link =
    next === undefined
      ? undefined
      : nextLink(projectPath(project, 'audit'), { ...parameters, after: next });
  return privateReply({ entries: entries.map(answerOf) }, { Link: link });
};

function answerOf({
  id,
  at,
  actor,
  action,
  repository,
  digest,
  tags,
  address,
  requestId,
  detail,
}: AuditEntry): AuditAnswer {
  const told = { repository, digest, tags: tags && [...tags], address, requestId, detail };
  // What is undefined JSON leaves out.
  return { id, at: timeText(at), actor, action, ...told };
}

function readRepository(query: URLSearchParams, project: string): string | undefined {
  const text = query.get('repository');
  if (text === null) return undefined;
  const name = parseRepositoryName(pathOfProject(text));
  if (name !== undefined && projectOf(name) === project) return name;
  throw invalid(`repository must be the name of one in ${project}`);
}

function readAction(query: URLSearchParams): AuditAction | undefined {
  const text = query.get('action');
  if (text === null) return undefined;
  const action = auditActions.find((one) => one === text);
  if (action !== undefined) return action;
  throw invalid(`action must be one of ${auditActions.join(', ')}`);
}

function invalid(message: string): RegistryError {
  return new RegistryError('UNSUPPORTED', { message, status: 400 });
}
