// What an image's config tells of it: read once, when the manifest is pushed.

import * as v from 'valibot';
import type { Descriptor } from '../oci/descriptor.ts';
import { configBytesMax, indexPlatformsMax, platformCharactersMax } from '../oci/limits.ts';
import type { Manifest } from '../oci/manifest.ts';
import { isImageConfig } from '../oci/media-types.ts';
import { gather } from '../ports/blobs.ts';
import { blobObject, type Repository } from './layout.ts';
import { findLink } from './links.ts';
import type { ManifestSummary } from './records.ts';
import type { Store } from './store.ts';

/** Such as `linux`, `amd64`, `v8`. */
const platformPart = v.optional(
  v.pipe(v.string(), v.regex(/^[\x20-\x7e]*$/), v.maxLength(platformCharactersMax)),
);
const platformSchema = v.object({
  os: platformPart,
  architecture: platformPart,
  variant: platformPart,
});
const configSchema = v.object({ created: v.optional(v.string()), ...platformSchema.entries });

export type Described = Pick<ManifestSummary, 'created' | 'platform'>;

/**
 * When the image was built and for what platform. Nothing where there is no config, where it is larger
 * than `configBytesMax` or is not what its media type says: a registry keeps any bytes.
 * @returns `undefined` when the repository does not hold the config
 */
export async function readConfig(
  store: Store,
  repository: Repository,
  { config }: Manifest,
): Promise<Described | undefined> {
  if (config === undefined || !isImageConfig(config.mediaType) || config.size > configBytesMax) {
    return {};
  }
  const link = await findLink(store, repository, config.digest);
  if (link === undefined) return undefined;
  if (link.size > configBytesMax) return {};
  const object = await store.blobs.read(blobObject(repository, config.digest));
  if (object === undefined) return {};
  return parseConfig(await gather(object.bytes));
}

/** What a config tells; nothing where it is none, or its platform is none that lists could show. */
export function parseConfig(bytes: Buffer): Described {
  const parsed = v.safeParse(configSchema, parseJson(bytes));
  if (!parsed.success) return {};
  const { created, ...platform } = parsed.output;
  const at = Date.parse(created ?? '');
  return { created: Number.isNaN(at) ? undefined : at, platform: platformText(platform) };
}

/** The platforms of an index's images, each once, as the index tells them; nothing where it tells none. */
export function platformsOf({ manifests }: Manifest): readonly string[] | undefined {
  const told = manifests.map(({ platform }) => platformOf(platform));
  const known = new Set(told.filter((one) => one !== undefined));
  return known.size === 0 ? undefined : [...known].slice(0, indexPlatformsMax);
}

/**
 * A descriptor's platform as lists show it: `os/architecture`, with the variant when there is one. Nothing where it is none
 * that could be shown, or says `unknown`, as BuildKit does of what is no image.
 */
export function platformOf(platform: Descriptor['platform']): string | undefined {
  const parsed = v.safeParse(platformSchema, platform);
  return parsed.success && parsed.output.os !== 'unknown' ? platformText(parsed.output) : undefined;
}

function platformText({
  os,
  architecture,
  variant,
}: v.InferOutput<typeof platformSchema>): string | undefined {
  const parts = [os, architecture, variant].filter((part) => part !== undefined && part !== '');
  return parts.length === 0 ? undefined : parts.join('/');
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
