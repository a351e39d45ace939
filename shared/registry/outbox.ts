// The outbox: what is to be told of a change, written in the transaction that makes it, so that no change is
// without its message and no message without its change. The relay publishes it (relay.ts).
//
//   a manifest is pushed under tags     INSERT digest and tag, for each tag
//   a manifest is pushed by its digest  INSERT digest
//   a tag is deleted                    DELETE tag
//   a manifest is deleted               DELETE tag for each of its tags, then DELETE digest
//
// That is what gcr.io tells. A push is told although it changed nothing, as there: who pushes again what is
// there already asks for whatever follows a push, and a subscriber that came later, or missed the first, hears
// of it. A tag that moves is told by its INSERT alone. Tags go before their manifest, so that no subscriber ever
// knows of a tag whose manifest it was told is gone.

import type { Author } from '../audit/entries.ts';
import type { Document, Transaction } from '../ports/documents.ts';
import type { EventMessage } from '../ports/events.ts';
import { outboxKeys, type Repository } from './layout.ts';
import { type OutboxRecord, write } from './records.ts';

/** Who makes a change, from where, and by what request: for the audit as it is, and for messages. */
export interface Cause extends Author {
  /** The host by which the client calls the registry, with its port: images are `HOST/NAME` in messages. */
  readonly host: string;
}

export type Change = Pick<OutboxRecord, 'action' | 'digest' | 'tag' | 'mediaType' | 'size'>;

/** Writes what is to be told of changes. They are told in this order. */
export function tell(
  transaction: Transaction,
  repository: Repository,
  changes: readonly Change[],
  { by, host, requestId, now }: Cause & { readonly now: number },
): void {
  const keyOf = outboxKeys(repository, now);
  for (const [place, change] of changes.entries()) {
    write(transaction, keyOf(place), { ...change, host, by, requestId, at: now });
  }
}

/** An entry's message: gcr.io's JSON, byte for byte, and what else is known as attributes. */
export function messageOf({ name }: Repository, { key, value }: Document): EventMessage {
  const { action, digest, tag, host, by, mediaType, size, requestId, at } = value as OutboxRecord;
  const image = `${host}/${name}`;
  const data = {
    action,
    digest: digest === undefined ? undefined : `${image}@${digest}`,
    tag: tag === undefined ? undefined : `${image}:${tag}`,
  };
  const attributes = {
    eventId: key.at(-1),
    repository: name,
    mediaType,
    size: size?.toString(),
    actor: by,
    requestId,
    time: new Date(at).toISOString(),
  };
  const known = Object.entries(attributes).flatMap(([attribute, text]) =>
    text === undefined ? [] : [[attribute, text] as const],
  );
  return { data: Buffer.from(JSON.stringify(data)), attributes: Object.fromEntries(known) };
}
