// The endpoint that messages are pushed to. The status that it answers is what a subscriber has to say:
//
//   204   taken
//   400   this is no change of an image, and never will be: with a dead-letter topic it ends there
//   401   who pushes is not who should
//   500   it could not be done now: it comes again
//
// All that is not 2xx comes again, later each time, and holds up what follows it of the same image's name.

import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type ImageChange, readPush } from './image-change.ts';
import type { VerifyPush } from './push-token.ts';

/** A message has some hundred bytes. Nobody fills the memory. */
const bodyBytesMax = 64 * 1024;
/** Changes that are remembered, so that what comes twice is done once. */
const rememberedMax = 10_000;

export function createSubscriber(options: {
  readonly onChange: (change: ImageChange) => void;
  /** Anybody may push when it is left out: only where nobody else reaches the port. */
  readonly verify: VerifyPush | undefined;
}): Server {
  const { onChange, verify } = options;
  const done = new Set<string>();

  const take = async (request: IncomingMessage): Promise<number> => {
    if (request.method !== 'POST') return 405;
    // Before anything is read of what it sends.
    if (verify !== undefined && !(await verify(request.headers.authorization))) return 401;
    const body = await readBody(request);
    const change = body === undefined ? undefined : readPush(body);
    if (change === undefined) return 400;
    if (!done.has(change.eventId)) {
      onChange(change);
      remember(done, change.eventId);
    }
    return 204;
  };

  return createServer((request, response) => {
    take(request).then(
      // What was not read of a request would be taken for the next one.
      (status) => response.writeHead(status, request.complete ? {} : { Connection: 'close' }).end(),
      (error: unknown) => {
        process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
        response.writeHead(500, { Connection: 'close' }).end();
      },
    );
  });
}

/** The whole body; `undefined` when it is too long. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    const buffer: Buffer = Buffer.from(piece);
    bytes += buffer.length;
    if (bytes > bodyBytesMax) return undefined;
    pieces.push(buffer);
  }
  return Buffer.concat(pieces).toString();
}

/** Keeps an id, and forgets the oldest. Another instance, or this one started anew, knows none of them. */
function remember(done: Set<string>, id: string): void {
  done.add(id);
  const [oldest] = done;
  if (done.size > rememberedMax && oldest !== undefined) done.delete(oldest);
}
