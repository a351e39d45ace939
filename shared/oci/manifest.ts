// Manifests: OCI image manifests and indexes, Docker's schema 2 and manifest lists. Parsed once, at PUT.

import * as v from 'valibot';
import {
  annotationsSchema,
  type Descriptor,
  descriptorSchema,
  mediaTypeSchema,
} from './descriptor.ts';
import { RegistryError } from './errors.ts';
import { nestsDeeper } from './json.ts';
import { descriptorsMax, nestingMax } from './limits.ts';
import { isForeignLayer, isImageManifest, isIndex, isSchema1, mediaTypes } from './media-types.ts';

export interface Manifest {
  readonly mediaType: string;
  /** The manifest's own, or an image manifest's config's media type (specification, "Listing Referrers"). */
  readonly artifactType: string | undefined;
  readonly config: Descriptor | undefined;
  readonly layers: readonly Descriptor[];
  /** An index's entries. */
  readonly manifests: readonly Descriptor[];
  readonly subject: Descriptor | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

const common = {
  schemaVersion: v.literal(2),
  mediaType: v.optional(mediaTypeSchema),
  artifactType: v.optional(mediaTypeSchema),
  subject: v.optional(descriptorSchema),
  annotations: v.optional(annotationsSchema),
};

// One document that is both an image and an index would mean different things to different clients
// (the OCI advisory on manifest type confusion): each refuses the other's fields.
const imageSchema = v.object({
  ...common,
  config: descriptorSchema,
  layers: v.array(descriptorSchema),
  manifests: v.optional(v.never('must not be in an image manifest')),
});

const indexSchema = v.object({
  ...common,
  manifests: v.array(descriptorSchema),
  config: v.optional(v.never('must not be in an index')),
  layers: v.optional(v.never('must not be in an index')),
});

/**
 * Reads a manifest as it was pushed.
 * @param bytes at most `manifestBytesMax`
 * @param contentType the request's, without parameters
 * @throws RegistryError MANIFEST_INVALID, with the place and the reason
 */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined): Manifest {
  const json = parseJson(bytes);
  const mediaType = mediaTypeOf(json, contentType);
  const manifest = isIndex(mediaType) ? parseIndex(json, mediaType) : parseImage(json, mediaType);
  const count = manifest.layers.length + manifest.manifests.length;
  if (count > descriptorsMax) {
    throw invalid(
      `a manifest may name at most ${descriptorsMax} descriptors, this one names ${count}`,
    );
  }
  return manifest;
}

/** The blobs a repository must hold before it takes the manifest. Foreign layers may be elsewhere. */
export function requiredBlobs(manifest: Manifest): Descriptor[] {
  return blobsOf(manifest).filter(({ mediaType }) => !isForeignLayer(mediaType));
}

/**
 * All blobs the manifest names, each digest once. An index may name blobs beside manifests: BuildKit
 * keeps its cache as an index of layers.
 */
export function blobsOf(manifest: Manifest): Descriptor[] {
  const named = [
    ...(manifest.config === undefined ? [] : [manifest.config]),
    ...manifest.layers,
    ...manifest.manifests.filter(({ mediaType }) => !isManifestType(mediaType)),
  ];
  return distinct(named);
}

/** The manifests an index names, each digest once. */
export function childrenOf(manifest: Manifest): Descriptor[] {
  return distinct(manifest.manifests.filter(({ mediaType }) => isManifestType(mediaType)));
}

function isManifestType(mediaType: string): boolean {
  return isImageManifest(mediaType) || isIndex(mediaType);
}

function distinct(descriptors: readonly Descriptor[]): Descriptor[] {
  return [...new Map(descriptors.map((descriptor) => [descriptor.digest, descriptor])).values()];
}

function parseImage(json: object, mediaType: string): Manifest {
  const { config, layers, subject, annotations, artifactType } = check(imageSchema, json);
  return {
    mediaType,
    artifactType: artifactType ?? config.mediaType,
    config,
    layers,
    manifests: [],
    subject,
    annotations,
  };
}

function parseIndex(json: object, mediaType: string): Manifest {
  const { manifests, subject, annotations, artifactType } = check(indexSchema, json);
  return {
    mediaType,
    artifactType,
    config: undefined,
    layers: [],
    manifests,
    subject,
    annotations,
  };
}

function check<S extends v.GenericSchema>(schema: S, json: object): v.InferOutput<S> {
  const result = v.safeParse(schema, json, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const place = (v.getDotPath(issue) ?? 'the manifest').slice(0, 200);
  throw invalid(`${place}: ${issue.message}`);
}

function parseJson(bytes: Uint8Array): object {
  if (nestsDeeper(bytes, nestingMax)) throw invalid(`its JSON nests deeper than ${nestingMax}`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw invalid('the body is not JSON in UTF-8');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw invalid('the body is not a JSON object');
  }
  return json;
}

/** The manifest's type: what the body says and what the header says, which must agree; else what it looks like. */
function mediaTypeOf(json: object, contentType: string | undefined): string {
  const stated = 'mediaType' in json ? json.mediaType : undefined;
  if (stated !== undefined && typeof stated !== 'string') throw invalid('mediaType: is not text');
  if (
    ('schemaVersion' in json && json.schemaVersion === 1) ||
    isSchema1(contentType ?? stated ?? '')
  ) {
    throw invalid(
      'Docker schema 1 manifests are not supported: push with a client that writes schema 2 or OCI manifests (Docker 1.10 or newer)',
    );
  }
  if (stated !== undefined && contentType !== undefined && stated !== contentType) {
    throw invalid(`Content-Type is ${contentType}, but the manifest's mediaType is ${stated}`);
  }
  const mediaType =
    contentType ?? stated ?? ('manifests' in json ? mediaTypes.ociIndex : mediaTypes.ociManifest);
  if (!isManifestType(mediaType)) {
    throw invalid(
      `${mediaType} is not a manifest's media type: use one of ${[mediaTypes.ociManifest, mediaTypes.ociIndex, mediaTypes.dockerManifest, mediaTypes.dockerManifestList].join(', ')}`,
    );
  }
  return mediaType;
}

/** The message may repeat what was sent, which may be megabytes. */
function invalid(message: string): RegistryError {
  return new RegistryError('MANIFEST_INVALID', {
    message: `manifest invalid: ${message.slice(0, 500)}`,
  });
}
