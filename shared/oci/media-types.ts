// The media types of manifests and what they point at, and their comparison.

export const mediaTypes = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  octetStream: 'application/octet-stream',
  json: 'application/json',
} as const;

/** Docker's first manifest format: signed, not content-addressed, long out of use, refused. */
const schema1 = new Set([
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
]);

const imageManifests: ReadonlySet<string> = new Set([
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
]);
const indexes: ReadonlySet<string> = new Set([mediaTypes.ociIndex, mediaTypes.dockerManifestList]);
const configs: ReadonlySet<string> = new Set([mediaTypes.ociConfig, mediaTypes.dockerConfig]);

export const isImageManifest = (mediaType: string): boolean => imageManifests.has(mediaType);
export const isIndex = (mediaType: string): boolean => indexes.has(mediaType);
export const isSchema1 = (mediaType: string): boolean => schema1.has(mediaType);
/** A config that tells platform and creation time. */
export const isImageConfig = (mediaType: string): boolean => configs.has(mediaType);

/** Layers that a registry need not hold: they are fetched from elsewhere (image specification, "non-distributable"). */
export function isForeignLayer(mediaType: string): boolean {
  return (
    mediaType.startsWith('application/vnd.oci.image.layer.nondistributable.') ||
    mediaType.startsWith('application/vnd.docker.image.rootfs.foreign.')
  );
}

/** The media type of a `Content-Type` header, lower-case and without parameters; `undefined` when there is none. */
export function parseContentType(header: string | undefined): string | undefined {
  const mediaType = header?.split(';', 1)[0]?.trim().toLowerCase();
  return mediaType === '' ? undefined : mediaType;
}
