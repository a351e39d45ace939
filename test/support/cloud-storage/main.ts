// The stand-in as a process of its own, for whole systems:
//
//   node test/support/cloud-storage/main.ts --port 9199 --bucket blobs --bucket staging --hmac-key GOOG1EXAMPLE:secret
//
// It prints its address when it is ready, and ends, with what was stored, at SIGTERM or SIGINT. Who started it with a
// channel may send it `{ failNext: … }` (faults.ts), `{ resetRequests: true }` and `{ advanceMs: … }`, each by itself or
// together, and gets back `{ counts: … }`.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Fault } from './faults.ts';
import { startCloudStorage } from './server.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    /** Buckets to begin with. */
    bucket: { type: 'string', multiple: true, default: [] },
    location: { type: 'string', default: 'US' },
    /** The Bearer token that is asked for. */
    token: { type: 'string' },
    /** access-id:secret */
    'hmac-key': { type: 'string', multiple: true, default: [] },
    /** email:file with the public key, PEM */
    'rsa-key': { type: 'string', multiple: true, default: [] },
    /** How many bytes one rewrite copies. */
    'rewrite-step': { type: 'string' },
  },
});

const { location } = values;
let aheadMs = 0;
const storage = await startCloudStorage({
  clock: { now: () => Date.now() + aheadMs },
  port: Number(values.port),
  buckets: Object.fromEntries(values.bucket.map((name) => [name, { location }])),
  keys: {
    hmac: Object.fromEntries(values['hmac-key'].map(splitAtColon)),
    rsa: Object.fromEntries(
      values['rsa-key']
        .map(splitAtColon)
        .map(([email, file]) => [email, readFileSync(file, 'utf8')]),
    ),
  },
  ...(values.token !== undefined && { requireToken: values.token }),
  ...(values['rewrite-step'] !== undefined && { rewriteStepBytes: Number(values['rewrite-step']) }),
});
process.stdout.write(`cloud storage is ready on ${storage.url}\n`);

interface Message {
  readonly failNext?: Fault;
  readonly resetRequests?: true;
  readonly advanceMs?: number;
}

process.on('message', (message: Message) => {
  if (message.failNext !== undefined) storage.failNext(message.failNext);
  if (message.resetRequests === true) storage.resetRequests();
  aheadMs += message.advanceMs ?? 0;
  process.send?.({ counts: storage.counts() });
});
async function end(): Promise<void> {
  await storage.close();
  process.exit(0);
}
for (const signal of ['SIGTERM', 'SIGINT', 'disconnect']) process.once(signal, () => void end());

function splitAtColon(text: string): [string, string] {
  const at = text.indexOf(':');
  return [text.slice(0, at), text.slice(at + 1)];
}
