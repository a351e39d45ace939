// What a message says. gcr.io wrote the same JSON, so this reads its messages and Artifact Registry's as well:
//
//   {"action":"INSERT","digest":"HOST/NAME@sha256:…"}                        pushed by its digest
//   {"action":"INSERT","digest":"HOST/NAME@sha256:…","tag":"HOST/NAME:TAG"}  pushed under a tag, or tagged
//   {"action":"DELETE","tag":"HOST/NAME:TAG"}                                the tag is gone
//   {"action":"DELETE","digest":"HOST/NAME@sha256:…"}                        the image is gone

export interface ImageChange {
  /** Two messages with the same one tell the same change. */
  readonly eventId: string;
  readonly action: 'INSERT' | 'DELETE';
  /** `HOST/NAME` */
  readonly image: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
  /** Who did it, where the registry tells: `user:…`, `serviceAccount:…`, `robot:NAME@PROJECT`. */
  readonly actor: string | undefined;
}

const digestPattern = /^([^@\s]+)@(sha(?:256|512):[0-9a-f]+)$/;
/** A host may have a port: the tag is what follows the last colon, and has no slash. */
const tagPattern = /^(\S+):([\w][\w.-]{0,127})$/;
const actorPattern = /^[\x21-\x7e]{1,1000}$/;

/**
 * Reads the body of a push: Pub/Sub's envelope, with the message in base64.
 * @returns `undefined` when it is anything else
 */
export function readPush(body: string): ImageChange | undefined {
  const { message } = asObject(parseJson(body));
  const { data, attributes, messageId } = asObject(message);
  if (typeof data !== 'string') return undefined;
  const { action, digest, tag } = asObject(parseJson(Buffer.from(data, 'base64').toString()));
  if (action !== 'INSERT' && action !== 'DELETE') return undefined;
  const [, ofDigest, hash] = digestPattern.exec(asText(digest) ?? '') ?? [];
  const [, ofTag, name] = tagPattern.exec(asText(tag) ?? '') ?? [];
  const image = ofDigest ?? ofTag;
  // What is there must be what it should be, and both of one image.
  const isWhole =
    (digest === undefined || ofDigest === image) && (tag === undefined || ofTag === image);
  const { eventId, actor } = asObject(attributes);
  // Google's own registries give no eventId: then the message's is the best there is.
  const id = asText(eventId) ?? asText(messageId);
  if (image === undefined || !isWhole || id === undefined) return undefined;
  // What is printed must not command a terminal.
  const by = asText(actor);
  return {
    eventId: id,
    action,
    image,
    tag: name,
    digest: hash,
    actor: by !== undefined && actorPattern.test(by) ? by : undefined,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
