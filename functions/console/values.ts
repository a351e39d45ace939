// Values as a person reads them.

import { h } from 'preact';
import type { Digest } from '#shared/oci/digest.ts';
import { isImageConfig, isIndex } from '#shared/oci/media-types.ts';
import type { ManifestSummary } from '#shared/registry/records.ts';
import { type Content, quoted } from './document.ts';

const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Bytes, with three digits or so: `31.4 MiB`. */
function sizeText(bytes: number): string {
  let size = bytes;
  let unit = 'B';
  for (const larger of units) {
    if (size < 1024) break;
    size /= 1024;
    unit = larger;
  }
  return unit === 'B' || size >= 100 ? `${Math.round(size)} ${unit}` : `${size.toFixed(1)} ${unit}`;
}

export function size(bytes: number | undefined): Content {
  if (bytes === undefined) return none('not told');
  return h('span', { class: 'num', title: `${bytes} bytes` }, sizeText(bytes));
}

/** What JavaScript's dates can be: a config may tell any time. */
const timeMsMax = 8.64e15;

/** Milliseconds since 1970, to the minute in UTC. */
export function time(ms: number | undefined): Content {
  if (ms === undefined || !(Math.abs(ms) <= timeMsMax)) return none('not told');
  const text = new Date(ms).toISOString();
  const minute = text.replace(/T(\d\d:\d\d).*$/, ' $1');
  return h('time', { dateTime: text, title: text }, minute);
}

/** A digest that is shown short, and is selected and copied whole. */
export function digestCode(digest: Digest, isWhole = false): Content {
  const look = isWhole ? 'digest whole' : 'digest';
  return h(
    'code',
    { class: look, tabIndex: 0, title: `${digest} — click to select it whole` },
    digest,
  );
}

export function platforms(summary: ManifestSummary | undefined): Content {
  const told = summary?.platforms ?? (summary?.platform === undefined ? [] : [summary.platform]);
  if (told.length === 0) return none('none told');
  return h(
    'ul',
    { class: 'platforms' },
    told.map((one) => h('li', null, quoted(one))),
  );
}

const helmChart = 'application/vnd.cncf.helm.config.v1+json';

/** Of artifacts, by their types: what people call them. */
const kinds = new Map([
  [helmChart, 'Helm chart'],
  ['application/vnd.dev.cosign.artifact.sig.v1+json', 'cosign signature'],
  ['application/vnd.dev.sigstore.bundle.v0.3+json', 'sigstore bundle'],
  ['application/vnd.in-toto+json', 'attestation'],
  ['application/spdx+json', 'SBOM (SPDX)'],
  ['application/vnd.cyclonedx+json', 'SBOM (CycloneDX)'],
  ['application/vnd.wasm.config.v0+json', 'WebAssembly'],
]);

/** What kind of thing it is, in a word where there is one. */
export function kindText({ mediaType, artifactType }: ManifestSummary): string {
  if (artifactType !== undefined && !isImageConfig(artifactType)) {
    return kinds.get(artifactType) ?? artifactType;
  }
  return isIndex(mediaType) ? 'image index' : 'image';
}

/** The config and layers together; of an index, those of its images. */
export function imageSize(summary: ManifestSummary | undefined): Content {
  if (summary === undefined) return none('not told');
  const { mediaType, imageSize: own, images } = summary;
  if (!isIndex(mediaType)) return size(own);
  return images === undefined ? none('an index: each image has its own') : size(own + images.size);
}

/** When it was built; of an index, its newest image. */
export function created(summary: ManifestSummary | undefined): Content {
  return time(summary?.created ?? summary?.images?.created);
}

export function none(why: string): Content {
  return h(
    'span',
    { class: 'none', title: why },
    h('span', { 'aria-hidden': 'true' }, '–'),
    hidden(why),
  );
}

/** For who listens to the page. */
function hidden(text: string): Content {
  return h('span', { class: 'heard' }, ` ${text}`);
}

/** The command that fetches it, by the client that does that for its kind. */
export function pullCommand(
  image: string,
  reference: string,
  summary: ManifestSummary | undefined,
): string {
  const type = summary?.artifactType;
  if (type === helmChart && reference.startsWith(':')) {
    return `helm pull oci://${image} --version ${reference.slice(1)}`;
  }
  const isImage = type === undefined || isImageConfig(type);
  return `${isImage ? 'docker' : 'oras'} pull ${image}${reference}`;
}
