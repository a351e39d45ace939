// How the world is told of changes: messages to whoever subscribed. Pub/Sub in the cloud, HTTP push on one machine.

export interface EventMessage {
  /** JSON in UTF-8. */
  readonly data: Uint8Array;
  /** Short texts beside the data. What repeats a message repeats its `eventId`. */
  readonly attributes: Readonly<Record<string, string>>;
}

/**
 * The promise:
 * - When `publish` resolves, every message of the call is kept until each subscriber took it.
 * - When it rejects, none, some or all of them may be: whoever calls again publishes them again. Delivery is
 *   at least once.
 * - Messages of one ordering key, published one call after another, are first delivered in that order.
 */
export interface Events {
  publish(topic: string, orderingKey: string, messages: readonly EventMessage[]): Promise<void>;
}
