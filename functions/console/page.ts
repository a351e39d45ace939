// GET /{page} in a browser: a project's repositories, a repository's tags, or a manifest.

import { unauthorized } from '#shared/auth/challenge.ts';
import { parseDigest } from '#shared/oci/digest.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { pageRowsMax } from '#shared/oci/limits.ts';
import { parseRepositoryName, parseTag, projectOf } from '#shared/oci/reference.ts';
import { pathOfAddress, projectAt } from '#shared/oci/web-address.ts';
import { listRepositoriesBelow } from '#shared/registry/catalog.ts';
import { listManifests, readOverview, viewManifest } from '#shared/registry/overview.ts';
import type { PageAction, PageRequest } from '../action.ts';
import type { Services } from '../services.ts';
import { type Crumb, pageReply } from './document.ts';
import { requireLogin, seenBy } from './home.ts';
import { manifestContent } from './manifest-page.ts';
import { manifestsContent, type RepositoryShown, repositoryContent } from './repository-page.ts';

export const page: PageAction = async (request, services) => {
  requireLogin(request);
  const { page: address, host, repository } = request;
  const path = pathOfAddress(address);
  // Of who may see nothing nothing is looked up, so that the time that takes tells nothing.
  const content = (await request.access.couldSeeSome(repository.project))
    ? await contentOf(request, services)
    : undefined;
  if (content === undefined) throw nothingHere(request);
  return pageReply(request, {
    title: `${path.slice(1)}: ${host}`,
    crumbs: crumbsTo(repository.name, path),
    ...seenBy(request, path),
    content,
  });
};

async function contentOf(request: PageRequest, services: Services) {
  const { page: address, host, repository, query } = request;
  if (address.reference !== undefined) {
    const view = await viewManifest(services, repository, address.reference);
    return view && manifestContent(`${host}/${repository.name}`, address, view);
  }
  if (query.has('manifests')) {
    const last = parseDigest(query.get('last') ?? '');
    if (!(await mayPull(request))) return undefined;
    const found = await listManifests(services, repository, last);
    return found.manifests.length === 0 && last === undefined
      ? undefined
      : manifestsContent(host, repository.name, { ...found, isFirst: last === undefined });
  }
  return repositoryContentOf(request, services);
}

async function repositoryContentOf(request: PageRequest, services: Services) {
  const { page: address, host, repository, query, access } = request;
  const number = /^[1-9]\d{0,5}$/.exec(query.get('page') ?? '')?.[0];
  const at = { page: Number(number ?? 1), last: parseTag(query.get('last') ?? '') };
  const after = parseRepositoryName(query.get('after') ?? '');
  const isFirst = at.page === 1 && at.last === undefined && after === undefined;
  const below = { name: repository.name, limit: pageRowsMax, last: after };
  const [overview, repositories] = await Promise.all([
    after === undefined && (await mayPull(request))
      ? readOverview(services, repository, at)
      : undefined,
    after === undefined && !isFirst
      ? undefined
      : listRepositoriesBelow(services, repository.location, {
          ...below,
          visible: (name) => access.couldDo('pull', name),
        }),
  ]);
  const shown: RepositoryShown = {
    ...{ host, name: repository.name, project: projectAt(address), isFirst },
    ...{ overview, repositories },
  };
  return isFirst && isEmpty(shown) ? undefined : repositoryContent(shown);
}

/** A project's page is let through for all; what is called as the project itself may not be theirs to see. */
async function mayPull({ page: address, access, repository }: PageRequest): Promise<boolean> {
  return projectAt(address) === undefined || access.couldDo('pull', repository.name);
}

function isEmpty({ overview, repositories }: RepositoryShown): boolean {
  const hasManifests =
    overview !== undefined && overview.tags.length + (overview.untagged?.length ?? 1) > 0;
  return !hasManifests && repositories?.entries.length === 0 && repositories.next === undefined;
}

/** Who has not logged in may find something here then: so it is said of all that such a one may not see. */
function nothingHere({ access, origin, host }: PageRequest): RegistryError {
  return access.identity.principal.kind === 'anonymous'
    ? unauthorized(origin, host, { message: 'log in' })
    : new RegistryError('NAME_UNKNOWN', { message: 'there is nothing at this address' });
}

function crumbsTo(name: RepositoryPath, path: string): Crumb[] {
  const project = projectOf(name);
  const rest = name
    .slice(project.length + 1)
    .split('/')
    .filter((one) => one !== '');
  const crumbs = [{ text: project, path: `/${project}` }];
  for (const text of rest) crumbs.push({ text, path: `${crumbs.at(-1)?.path}/${text}` });
  const reference = path.slice(name.length + 1);
  return reference === '' ? crumbs : [...crumbs, { text: shortened(reference), path }];
}

type RepositoryPath = Parameters<typeof projectOf>[0];

/** `:tag`, or a digest's beginning. */
function shortened(reference: string): string {
  return reference.startsWith('@') ? `${reference.slice(0, 20)}…` : reference;
}
