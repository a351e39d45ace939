// Every call ends in bounded time. The SDK's own patience with an endpoint that does not answer is minutes, over REST
// without an end, and cannot be set.

/** What the adapter has Firestore do (google.firestore.v1.Firestore). Others have no limit of ours, and are not bundled. */
export const methodsCalled = ['BatchGetDocuments', 'RunQuery', 'Commit', 'Rollback'] as const;

/** What a call can see of its time. */
export interface Call {
  /** Its caller was told that it failed: it begins nothing new. */
  readonly isOver: boolean;
  /** Why it has not succeeded yet, for whoever waits in vain. */
  failure: unknown;
}

/** @throws Error when the call takes longer; what it does after that is dropped */
export async function within<R>(ms: number, made: (call: Call) => Promise<R>): Promise<R> {
  const call = { isOver: false, failure: undefined as unknown };
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      call.isOver = true;
      const { failure } = call;
      const why = failure instanceof Error ? `: ${failure.message}` : '';
      reject(new Error(`Firestore took longer than ${ms} ms${why}`, { cause: failure }));
    }, ms);
  });
  try {
    return await Promise.race([made(call), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
