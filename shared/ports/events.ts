// How the world is told of changes: messages to whoever subscribed. Pub/Sub in the cloud, HTTP push on one machine.

export interface EventMessage {
  /** JSON in UTF-8. */
  readonly data: Uint8Array;
  /** Short texts beside the data: at most 1,024 bytes each. What repeats a message repeats its `eventId`. */
  readonly attributes: Readonly<Record<string, string>>;
}

/**
 * The promise:
 * - When `publish` resolves, every message of the call is kept until each subscriber took it, or for a week.
 *   So it does not wait for subscribers, and one that is away keeps nothing from others. To a topic that
 *   nobody subscribes to, messages are published and gone.
 * - When it rejects, none of them, the first ones or all may be: whoever calls again publishes them again. It
 *   does one or the other within half a minute, whatever is at the other end.
 * - Delivery is at least once.
 * - Messages of one ordering key, in the order of a call and of calls one after another, are first delivered in
 *   that order. A message that a subscriber refuses holds up that subscriber's later ones of its key, and no others.
 */
export interface Events {
  /** @param orderingKey not empty; @param messages at most 1,000, of 10 MB together */
  publish(topic: string, orderingKey: string, messages: readonly EventMessage[]): Promise<void>;
}
