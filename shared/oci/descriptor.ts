// A descriptor: media type, digest and size of content (image specification, "OCI Content Descriptors").

import * as v from 'valibot';
import { algorithmOf, type Digest, digestOf, parseDigest } from './digest.ts';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly platform?: Readonly<Record<string, unknown>> | undefined;
}

/** `type/subtype`, RFC 6838 section 4.2, each name at most 127 characters. */
export const mediaTypeSchema = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/,
    'is not a media type',
  ),
);

/** An object, which a list is not, though JavaScript takes it for one. */
const notList = v.custom<unknown>((value) => !Array.isArray(value), 'must be an object');

export const annotationsSchema = v.pipe(notList, v.record(v.string(), v.string()));

const digestSchema = v.pipe(
  v.string(),
  v.transform(parseDigest),
  v.check((digest) => digest !== undefined, 'is not a sha256 or sha512 digest'),
  v.transform((digest) => digest as Digest),
);

const sizeSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** "data … MUST be identical to the referenced content" */
function isContent(data: string, digest: Digest, size: number): boolean {
  const bytes = Buffer.from(data, 'base64');
  return bytes.length === size && digestOf(bytes, algorithmOf(digest)) === digest;
}

export const descriptorSchema = v.pipe(
  v.object({
    mediaType: mediaTypeSchema,
    digest: digestSchema,
    size: sizeSchema,
    urls: v.optional(v.array(v.string())),
    data: v.optional(v.string()),
    annotations: v.optional(annotationsSchema),
    artifactType: v.optional(v.string()),
    platform: v.optional(v.pipe(notList, v.record(v.string(), v.unknown()))),
  }),
  v.check(
    ({ data, digest, size }) => data === undefined || isContent(data, digest, size),
    'has data that is not the content its digest names',
  ),
);
