// GET /api/v1/projects: those in which the caller holds a role. Operators hold one in each: after the projects about which
// something was decided they are shown those that only have repositories, on pages with `undecided=true`.

import { isProject, pathOfProject } from '#shared/auth/names.ts';
import { isDecided, listProjects as listDecided } from '#shared/auth/policies.ts';
import { isOperator, roleIn } from '#shared/auth/policy.ts';
import { catalogName } from '#shared/auth/scope.ts';
import { nextLink, parsePage } from '#shared/http/pagination.ts';
import { projectsAtOnce, projectsPageMax } from '#shared/oci/limits.ts';
import { listProjectsOfRepositories } from '#shared/registry/catalog.ts';
import type { Action, ActionRequest } from '../action.ts';
import type { Services } from '../services.ts';
import type { Projects } from './answers.ts';
import { privateReply, readFlag, requireSomebody, shownProject } from './replies.ts';

export const listProjects: Action = async (request, services) => {
  requireSomebody(request, { type: 'registry', name: catalogName, actions: ['*'] });
  const { query, access } = request;
  const page = parsePage(query, projectsPageMax);
  const limit = Math.min(page.limit, projectsPageMax);
  const last = page.last === undefined ? undefined : pathOfProject(page.last);
  const isAll = isOperator(services.authority, access.identity.principal);
  const isUndecided = readFlag(query, 'undecided') && isAll;
  const found = isUndecided
    ? await undecided(request, services, { limit, last })
    : await decided(request, services, { limit, last });
  const projects = found.slice(0, limit);
  const end = projects.at(-1)?.project;
  const goOn = (parameters: Readonly<Record<string, string>>) =>
    nextLink('/api/v1/projects', { n: String(limit), ...parameters });
  let link: string | undefined;
  if (end !== undefined && found.length > limit) {
    link = goOn({ last: end, ...(isUndecided ? { undecided: 'true' } : {}) });
  } else if (isAll && !isUndecided && limit > 0) {
    link = goOn({ undecided: 'true' });
  }
  return privateReply({ projects } satisfies Projects, { Link: link });
};

interface Part {
  readonly limit: number;
  readonly last: string | undefined;
}

/** @returns one more than the limit, where there is one */
async function decided(
  { access, host }: ActionRequest,
  { documents, authority }: Services,
  { limit, last }: Part,
): Promise<Projects['projects']> {
  const { identity } = access;
  const roleOf = async (project: string) =>
    roleIn(await authority.standing(project, identity, host), identity.principal);
  const found: Projects['projects'] = [];
  for (let after = last; found.length <= limit; ) {
    const some = await listDecided(documents, { after, limit: projectsAtOnce });
    const roles = await Promise.all(some.map(roleOf));
    for (const [at, project] of some.entries()) {
      const role = roles[at];
      if (role !== undefined) found.push({ project: shownProject(project), role });
    }
    after = some.at(-1);
    if (some.length < projectsAtOnce) break;
  }
  return found;
}

/** @returns one more than the limit, where there is one */
async function undecided(
  { host }: ActionRequest,
  services: Services,
  { limit, last }: Part,
): Promise<Projects['projects']> {
  const { documents } = services;
  const found: Projects['projects'] = [];
  const after = last !== undefined && isProject(last) ? last : undefined;
  const all = listProjectsOfRepositories(services, services.locationOf(host), after);
  for await (const project of all) {
    if (await isDecided(documents, project)) continue;
    found.push({ project: shownProject(project), role: 'owner' });
    if (found.length > limit) break;
  }
  return found;
}
