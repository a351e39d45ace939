// What a registry tells of a change, in gcr.io's messages. Anybody who may publish on the topic may have written one.

import { asRecord, asText, parseJson } from './json-values.ts';
import { shown } from './printable.ts';

export interface ImageChange {
  /** RFC 3339. */
  readonly time?: string;
  readonly action: 'INSERT' | 'DELETE';
  /** `HOST/NAME` */
  readonly image: string;
  readonly tag?: string;
  readonly digest?: string;
  /** These only Berth tells; gcr.io has none of them. */
  readonly actor?: string;
  readonly eventId?: string;
  readonly mediaType?: string;
  readonly size?: number;
  readonly requestId?: string;
}

const dataCharactersMax = 64 * 1024;
const textCharactersMax = 1024;

/**
 * Reads a message as Pub/Sub gives it, pulled or pushed.
 * @param message `data` in base64, `attributes`, `publishTime`
 * @returns `undefined` when it is no change of an image
 */
export function readChange(message: unknown): ImageChange | undefined {
  const { data, attributes, publishTime } = asRecord(message);
  const encoded = asText(data) ?? '';
  if (encoded.length > dataCharactersMax) return undefined;
  const told = asRecord(parseJson(Buffer.from(encoded, 'base64').toString('utf8')));
  const action = told['action'];
  if (action !== 'INSERT' && action !== 'DELETE') return undefined;
  const [digest, tag] = [short(told['digest']), short(told['tag'])];
  const [byDigest, hash] = cut(digest, '@');
  // A port, which has a colon too, stands before the last slash.
  const [byTag, name] = cut(tag, ':', (tag ?? '').lastIndexOf('/') + 1);
  const image = byDigest ?? byTag;
  if (image === undefined) return undefined;
  // Both say which image it is, if they say something.
  if (
    [digest !== undefined && byDigest !== image, tag !== undefined && byTag !== image].some(Boolean)
  )
    return undefined;
  const known = asRecord(attributes);
  const size = Number(short(known['size']) ?? Number.NaN);
  const time = short(known['time']) ?? short(publishTime);
  return {
    ...given('time', time),
    action,
    image,
    ...given('tag', name),
    ...given('digest', hash),
    ...given('actor', short(known['actor'])),
    ...given('eventId', short(known['eventId'])),
    ...given('mediaType', short(known['mediaType'])),
    ...(Number.isSafeInteger(size) && size >= 0 ? { size } : {}),
    ...given('requestId', short(known['requestId'])),
  };
}

/** A change in one line, for a person: time, action, image, tag, the digest's beginning, and who did it. */
export function lineOf({ time, action, image, tag, digest, actor }: ImageChange): string {
  const cells = [time, action, image, tag, digest?.slice(0, 19), actor];
  return cells.map((cell) => shown(cell ?? '-', 300)).join('  ');
}

function short(value: unknown): string | undefined {
  const text = asText(value);
  return text === undefined || text.length > textCharactersMax ? undefined : text;
}

/** A text at the first mark from a place on; nothing of it when either side would be empty. */
function cut(text: string | undefined, mark: string, from = 0): readonly [string?, string?] {
  const at = text?.indexOf(mark, from) ?? -1;
  if (text === undefined || at <= 0 || at === text.length - 1) return [];
  return [text.slice(0, at), text.slice(at + 1)];
}

function given<K extends string>(name: K, value: string | undefined): { [P in K]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]?: string });
}
