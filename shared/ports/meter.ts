// What a request costs: each operation that a cloud bills, or that is a round trip to it.

export type Operation =
  /** A document read, found or not; a list counts each document it reads, and at least one. */
  | 'documentRead'
  /** A call that reads documents, however many: free, but a round trip. */
  | 'documentCall'
  | 'documentWrite'
  | 'documentDelete'
  /** A commit with its reads, however many documents it writes. */
  | 'transaction'
  /** Cloud Storage's class A: an object written, composed, copied, or listed. */
  | 'objectWrite'
  /** Cloud Storage's class B: an object or what is known of it was read. */
  | 'objectRead'
  /** Free, but a round trip. */
  | 'objectDelete'
  /** A call to a service that signs. */
  | 'remoteSignature'
  | 'messagePublished';

/** Is told of every operation as an adapter carries it out, retries included. */
export type Meter = (operation: Operation, times?: number) => void;
