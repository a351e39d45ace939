// A manifest's page: what it is, how to pull it, and what it names.

import { h } from 'preact';
import type { Descriptor } from '#shared/oci/descriptor.ts';
import { annotationCharactersMax, annotationsShownMax } from '#shared/oci/limits.ts';
import type { Manifest } from '#shared/oci/manifest.ts';
import { isImageManifest, isIndex } from '#shared/oci/media-types.ts';
import type { WebAddress } from '#shared/oci/web-address.ts';
import { platformOf } from '#shared/registry/config.ts';
import type { ManifestView } from '#shared/registry/overview.ts';
import { type Content, link, quoted } from './document.ts';
import { table } from './tables.ts';
import {
  created,
  digestCode,
  imageSize,
  kindText,
  none,
  platforms,
  pullCommand,
  size,
  time,
} from './values.ts';

/** @param image `HOST/NAME` */
export function manifestContent(
  image: string,
  { name, reference }: WebAddress,
  view: ManifestView,
): Content {
  const { digest, summary, tags, manifest } = view;
  const suffix = reference?.kind === 'tag' ? `:${reference.tag}` : `@${digest}`;
  const commands = [...new Set([suffix, `@${digest}`])].map((one) =>
    pullCommand(image, one, summary),
  );
  return [
    h(
      'h1',
      null,
      name,
      h('span', { class: 'ref' }, reference?.kind === 'tag' ? suffix : ` @${digest.slice(0, 19)}…`),
    ),
    h('p', { class: 'lead' }, kindText(summary)),
    h(
      'dl',
      { class: 'facts card' },
      fact(
        'Pull',
        commands.map((command) => h('pre', null, h('code', null, command))),
        'pull',
      ),
      fact('Digest', digestCode(digest, true)),
      fact('Tags', tags.length === 0 ? none('no tag') : tagList(name, tags)),
      fact('Platform', platforms(summary)),
      fact('Size', imageSize(summary)),
      fact('Created', created(summary)),
      fact('Uploaded', time(summary.uploaded)),
      fact('Media type', h('code', null, summary.mediaType)),
      summary.subject === undefined
        ? null
        : fact('Belongs to', link(`/${name}@${summary.subject}`, h('code', null, summary.subject))),
    ),
    manifest === undefined
      ? h('p', { class: 'note' }, 'What it names is too long to be shown here.')
      : [namedSection(name, manifest), annotationsSection(manifest.annotations)],
  ];
}

function tagList(name: string, tags: ManifestView['tags']): Content {
  return h(
    'ul',
    { class: 'tags' },
    tags.map((tag) => h('li', null, link(`/${name}:${tag}`, tag))),
  );
}

function fact(label: string, content: Content, look = ''): Content {
  return h('div', null, h('dt', null, label), h('dd', { class: look }, content));
}

function namedSection(name: string, manifest: Manifest): Content {
  const entries = isIndex(manifest.mediaType) ? manifest.manifests : manifest.layers;
  const what = isIndex(manifest.mediaType) ? 'Images' : 'Layers';
  if (entries.length === 0) return null;
  const columns = isIndex(manifest.mediaType)
    ? [
        { label: 'Platform', cell: (one: Descriptor) => platformCell(one) },
        { label: 'Digest', cell: (one: Descriptor) => entryDigest(name, one) },
      ]
    : [{ label: 'Digest', cell: (one: Descriptor) => entryDigest(name, one) }];
  return h(
    'section',
    { 'aria-labelledby': 'named' },
    h('h2', { id: 'named' }, `${what} `, h('span', { class: 'count' }, String(entries.length))),
    table(`${what} of the manifest`, entries, [
      ...columns,
      { label: 'Media type', cell: ({ mediaType }) => h('code', null, mediaType) },
      {
        label: isIndex(manifest.mediaType) ? 'Manifest' : 'Size',
        look: 'num' as const,
        cell: ({ size: bytes }) => size(bytes),
      },
    ]),
  );
}

function platformCell({ platform, annotations }: Descriptor): Content {
  const told = platformOf(platform);
  if (told !== undefined) return h('span', { class: 'tag' }, quoted(told));
  const type = annotations?.['vnd.docker.reference.type'];
  return type === undefined ? none('none told') : quoted(cut(type));
}

/** A manifest has a page of its own; a layer is not for looking at. */
function entryDigest(name: string, { digest, mediaType }: Descriptor): Content {
  const isManifest = isImageManifest(mediaType) || isIndex(mediaType);
  return isManifest
    ? [digestCode(digest), ' ', link(`/${name}@${digest}`, 'Details')]
    : digestCode(digest);
}

function annotationsSection(annotations: Manifest['annotations'] = {}): Content {
  const all = Object.entries(annotations);
  if (all.length === 0) return null;
  const left = all.length - annotationsShownMax;
  return h(
    'section',
    { 'aria-labelledby': 'annotations' },
    h(
      'h2',
      { id: 'annotations' },
      'Annotations ',
      h('span', { class: 'count' }, String(all.length)),
    ),
    h(
      'dl',
      { class: 'facts card' },
      all
        .slice(0, annotationsShownMax)
        .map(([key, value]) =>
          h('div', null, h('dt', null, quoted(cut(key))), h('dd', null, quoted(cut(value)))),
        ),
    ),
    left > 0 ? h('p', { class: 'note' }, `And ${left} more.`) : null,
  );
}

function cut(text: string): string {
  return text.length > annotationCharactersMax
    ? `${text.slice(0, annotationCharactersMax)}…`
    : text;
}
