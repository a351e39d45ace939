// A repository's page: its tags, what has none, and the repositories below; so, too, a project's.

import { h } from 'preact';
import type { Digest } from '#shared/oci/digest.ts';
import { pageRowsMax, tagsOfManifestMax } from '#shared/oci/limits.ts';
import type { RepositoryName } from '#shared/oci/reference.ts';
import type { ManifestLine, Overview, TagLine } from '#shared/registry/overview.ts';
import { type Content, link } from './document.ts';
import { type Column, pages, pullDetails, table } from './tables.ts';
import {
  created,
  digestCode,
  imageSize,
  kindText,
  none,
  platforms,
  pullCommand,
  time,
} from './values.ts';

export interface RepositoryShown {
  readonly host: string;
  readonly name: RepositoryName;
  /** Its project, where it is called as that. */
  readonly project: string | undefined;
  /** Nothing comes before what is shown. */
  readonly isFirst: boolean;
  /** Absent where it is not shown. */
  readonly overview: Overview | undefined;
  readonly repositories:
    | { readonly entries: readonly RepositoryName[]; readonly next: string | undefined }
    | undefined;
}

export function repositoryContent(shown: RepositoryShown): Content {
  const { name, project, overview, repositories } = shown;
  const isProject = project !== undefined;
  const hasManifests =
    overview !== undefined && (overview.tags.length > 0 || !isEmptyList(overview.untagged));
  const hasBelow =
    repositories !== undefined &&
    (repositories.entries.length > 0 || repositories.next !== undefined);
  return [
    h('h1', null, name),
    h(
      'p',
      { class: 'lead' },
      isProject && !hasManifests
        ? 'A project and its repositories.'
        : h('code', { class: 'digest whole', tabIndex: 0 }, `${shown.host}/${name}`),
    ),
    isProject && hasBelow ? repositoriesSection(shown) : null,
    hasManifests || !isProject || !hasBelow ? tagsSection(shown) : null,
    untaggedSection(shown),
    !isProject && hasBelow ? repositoriesSection(shown) : null,
  ];
}

/** All manifests, by digest. */
export function manifestsContent(
  host: string,
  name: RepositoryName,
  found: {
    readonly manifests: readonly ManifestLine[];
    readonly next: Digest | undefined;
    readonly isFirst: boolean;
  },
): Content {
  const path = `/${name}`;
  const next = found.next && `${path}?manifests&last=${found.next}`;
  return [
    h('h1', null, name),
    h('p', { class: 'lead' }, 'All manifests, by digest. ', link(path, 'The tags')),
    table(`Manifests of ${name}`, found.manifests, [
      manifestColumn(name),
      { label: 'Tags', cell: (line) => tagsOf(name, line) },
      ...commonColumns(),
      uploadedColumn,
      pullColumn(host, name),
    ]),
    pages(`${path}?manifests`, next, found.isFirst),
  ];
}

function tagsSection({ host, name, overview, isFirst }: RepositoryShown): Content {
  if (overview === undefined) return null;
  const { tags, tagsCount, next } = overview;
  const path = `/${name}`;
  const nextPath =
    next && ('page' in next ? `${path}?page=${next.page}` : `${path}?last=${next.last}`);
  const order =
    tagsCount === undefined
      ? 'by name: there are too many to sort them by time'
      : `${tagsCount}${tagsCount > 1 ? ', the newest first' : ''}`;
  return h(
    'section',
    { 'aria-labelledby': 'tags' },
    h('h2', { id: 'tags' }, 'Tags ', h('span', { class: 'count' }, order)),
    tags.length === 0
      ? h(
          'div',
          { class: 'card' },
          h('p', { class: 'empty' }, isFirst ? 'No tags.' : 'No more tags.'),
        )
      : table(`Tags of ${name}`, tags, [
          { label: 'Tag', cell: ({ tag }) => link(`${path}:${tag}`, tag, { class: 'mono' }) },
          { label: 'Digest', cell: ({ digest }) => digestCode(digest) },
          ...commonColumns<TagLine>(),
          { label: 'Pushed', cell: ({ updated }) => time(updated) },
          {
            label: 'Pull',
            look: 'pull',
            cell: ({ tag, digest, summary }) =>
              pullDetails(tag, [
                pullCommand(`${host}/${name}`, `:${tag}`, summary),
                pullCommand(`${host}/${name}`, `@${digest}`, summary),
              ]),
          },
        ]),
    pages(path, nextPath, isFirst),
  );
}

function untaggedSection({ host, name, overview, isFirst }: RepositoryShown): Content {
  if (overview === undefined || !isFirst) return null;
  const { untagged } = overview;
  if (untagged === undefined) {
    return h(
      'p',
      { class: 'note' },
      link(`/${name}?manifests`, 'All manifests, also those without a tag'),
      `, ${pageRowsMax} a page.`,
    );
  }
  if (untagged.length === 0) return null;
  return h(
    'section',
    { 'aria-labelledby': 'untagged' },
    h(
      'h2',
      { id: 'untagged' },
      'Without a tag ',
      h('span', { class: 'count' }, String(untagged.length)),
    ),
    h('p', { class: 'note' }, 'Among them are the images of an index, one for each platform.'),
    table(`Manifests of ${name} without a tag`, untagged, [
      manifestColumn(name),
      ...commonColumns(),
      uploadedColumn,
      pullColumn(host, name),
    ]),
  );
}

function repositoriesSection({ name, project, repositories, isFirst }: RepositoryShown): Content {
  if (repositories === undefined) return null;
  const { entries, next } = repositories;
  const title = project === undefined ? 'Repositories below' : 'Repositories';
  return h(
    'section',
    { 'aria-labelledby': 'repositories' },
    h('h2', { id: 'repositories' }, title),
    h(
      'div',
      { class: 'card' },
      entries.length === 0
        ? h('p', { class: 'empty' }, 'None on this page that you may see.')
        : h(
            'ul',
            { class: 'names' },
            entries.map((entry) => h('li', null, link(`/${entry}`, entry.slice(name.length + 1)))),
          ),
    ),
    pages(`/${name}`, next && `/${name}?after=${next}`, isFirst),
  );
}

function commonColumns<L extends ManifestLine>(): Column<L>[] {
  return [
    { label: 'Platform', cell: ({ summary }) => platformOrKind(summary) },
    { label: 'Size', look: 'num', cell: ({ summary }) => imageSize(summary) },
    { label: 'Created', cell: ({ summary }) => created(summary) },
  ];
}

/** When a manifest came; a tag may be pointed at it at any time after. */
const uploadedColumn: Column<ManifestLine> = {
  label: 'Uploaded',
  cell: ({ summary }) => time(summary?.uploaded),
};

/** What is no image has no platform: there it is said what it is. */
function platformOrKind(summary: ManifestLine['summary']): Content {
  if (summary === undefined) return none('not told');
  const kind = kindText(summary);
  return kind.startsWith('image') ? platforms(summary) : h('span', { class: 'tag' }, kind);
}

function manifestColumn(name: RepositoryName): Column<ManifestLine> {
  return {
    label: 'Digest',
    cell: ({ digest }) => [digestCode(digest), ' ', link(`/${name}@${digest}`, 'Details')],
  };
}

function pullColumn(host: string, name: RepositoryName): Column<ManifestLine> {
  return {
    label: 'Pull',
    look: 'pull',
    cell: ({ digest, summary }) =>
      pullDetails(digest, [pullCommand(`${host}/${name}`, `@${digest}`, summary)]),
  };
}

function tagsOf(name: RepositoryName, { tags = [] }: ManifestLine): Content {
  if (tags.length === 0) return none('no tag');
  const shown = tags.slice(0, tagsOfManifestMax - 1);
  const more = tags.length > shown.length ? h('li', null, 'and more') : null;
  return h(
    'ul',
    { class: 'tags' },
    shown.map((tag) => h('li', null, link(`/${name}:${tag}`, tag))),
    more,
  );
}

function isEmptyList(list: readonly unknown[] | undefined): boolean {
  return list === undefined || list.length === 0;
}
