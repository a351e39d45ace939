// Uploads in any order that a client could come upon, held against a simple model; and many at once.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Algorithm, digestOf } from '#shared/oci/digest.ts';
import { type Answer, send, useRegistry } from '#test/support/calls.ts';
import { imageManifest } from '#test/support/manifests.ts';

const registry = useRegistry();
const call = (method: string, path: string, body: string | Uint8Array = '', headers = {}) =>
  send(registry().url, { method, path, body, headers });

async function openUpload(name: string): Promise<string> {
  const answer = await call('POST', `/v2/${name}/blobs/uploads/`);
  return answer.headers.location ?? assert.fail('no Location');
}

type Step =
  | {
      readonly kind: 'append';
      readonly size: number;
      readonly at: 'unsaid' | 'right' | 'behind' | 'ahead';
    }
  | { readonly kind: 'status' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'finish'; readonly size: number; readonly digest: 'right' | 'wrong' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      size: fc.integer({ min: 1, max: 3000 }),
      at: fc.constantFrom('unsaid' as const, 'right' as const, 'behind' as const, 'ahead' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('status' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('finish' as const),
      size: fc.constantFrom(0, 0, 1, 2000),
      digest: fc.constantFrom('right' as const, 'right' as const, 'wrong' as const),
    }),
  },
);

let run = 0;

/** Bytes that differ from run to run, so that no run finds the blob of another. */
function bytesFor(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, at) => `${run}-${at}|`).join('')).subarray(
    0,
    size,
  );
}

/** A session as the specification has it: bytes, and open, cancelled or closed as a blob. */
class Session {
  received = Buffer.alloc(0);
  state: 'open' | 'cancelled' | { readonly digest: string } = 'open';
  readonly #name: string;
  readonly #location: string;
  readonly #algorithm: Algorithm;

  constructor(name: string, location: string, algorithm: Algorithm) {
    this.#name = name;
    this.#location = location;
    this.#algorithm = algorithm;
  }

  async take(step: Step): Promise<void> {
    if (step.kind === 'append') await this.#append(step);
    else if (step.kind === 'finish') await this.#finish(step);
    else await this.#status(step.kind);
  }

  async #append({ size, at }: Extract<Step, { kind: 'append' }>): Promise<void> {
    const chunk = bytesFor(size);
    const offset = this.received.length;
    const start = at === 'ahead' ? offset + 1 : at === 'behind' ? Math.max(0, offset - 1) : offset;
    const headers = at === 'unsaid' ? {} : { 'content-range': `${start}-${start + size - 1}` };
    const answer = await call('PATCH', this.#location, chunk, headers);
    if (this.state !== 'open') return assert.equal(answer.status, 404);
    if (start !== offset) {
      assert.equal(answer.status, 416);
      return this.#tellsRange(answer);
    }
    assert.equal(answer.status, 202);
    this.received = Buffer.concat([this.received, chunk]);
    this.#tellsRange(answer);
  }

  async #status(kind: 'status' | 'cancel'): Promise<void> {
    const answer = await call(kind === 'status' ? 'GET' : 'DELETE', this.#location);
    assert.equal(answer.status, this.state === 'open' ? 204 : 404);
    if (this.state !== 'open') return;
    if (kind === 'status') this.#tellsRange(answer);
    else this.state = 'cancelled';
  }

  async #finish({ size, digest: which }: Extract<Step, { kind: 'finish' }>): Promise<void> {
    const last = bytesFor(size);
    const whole = Buffer.concat([this.received, last]);
    const digest = digestOf(which === 'right' ? whole : Buffer.from('others'), this.#algorithm);
    const answer = await call('PUT', `${this.#location}&digest=${digest}`, last);
    if (this.state !== 'open') {
      const again = typeof this.state === 'object' && this.state.digest === digest;
      return assert.equal(answer.status, again ? 201 : 404);
    }
    assert.equal(answer.status, which === 'right' ? 201 : 400);
    if (which === 'wrong') return;
    this.received = whole;
    this.state = { digest };
  }

  #tellsRange({ headers }: Answer): void {
    assert.equal(headers['range'], `0-${Math.max(0, this.received.length - 1)}`);
    assert.equal(headers.location, this.#location);
  }

  /** What came of it: the blob with its bytes, or none. */
  async check(): Promise<void> {
    const digest =
      typeof this.state === 'object' ? this.state.digest : digestOf(this.received, this.#algorithm);
    const answer = await call('GET', `/v2/${this.#name}/blobs/${digest}`);
    if (typeof this.state !== 'object') return assert.equal(answer.status, 404);
    assert.equal(answer.status, 200);
    assert.ok(answer.body.equals(this.received));
  }
}

describe('uploads', () => {
  it('answer any sequence of requests as the specification says', async () => {
    const plan = fc.record({
      algorithm: fc.constantFrom('sha256' as const, 'sha512' as const),
      announced: fc.boolean(),
      steps: fc.array(step, { minLength: 1, maxLength: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ algorithm, announced, steps }) => {
        run += 1;
        const name = `sequences/run-${run}`;
        const query = announced ? `?digest-algorithm=${algorithm}` : '';
        const answer = await call('POST', `/v2/${name}/blobs/uploads/${query}`);
        const session = new Session(name, answer.headers.location ?? '', algorithm);
        for (const next of steps) await session.take(next);
        await session.check();
      }),
      { numRuns: 300 },
    );
    assert.deepEqual(registry().logged, []);
  });
});

describe('many at once', () => {
  it('let one of many chunks at the same place through, and keep its bytes', async () => {
    const location = await openUpload('crowds/chunks');
    const chunks = Array.from({ length: 12 }, (_, at) => Buffer.alloc(5000, `chunk ${at} `));
    // Each says where it belongs: one that comes when another is done would be the next otherwise.
    const answers = await Promise.all(
      chunks.map((chunk) =>
        call('PATCH', location, chunk, { 'content-range': `0-${chunk.length - 1}` }),
      ),
    );
    const won = answers.flatMap(({ status }, at) => (status === 202 ? [at] : []));
    assert.equal(won.length, 1, answers.map(({ status }) => status).join());
    assert.ok(answers.every(({ status }) => status === 202 || status === 416));
    const bytes = chunks[won[0] ?? 0] ?? assert.fail();
    const digest = digestOf(bytes);
    assert.equal((await call('PUT', `${location}&digest=${digest}`)).status, 201);
    const blob = await call('GET', `/v2/crowds/chunks/blobs/${digest}`);
    assert.ok(blob.body.equals(bytes));
  });

  it('let one session be closed by many who say the same, and by none who says another', async () => {
    const location = await openUpload('crowds/closing');
    const bytes = Buffer.from('closed by a crowd');
    await call('PATCH', location, bytes);
    const right = `${location}&digest=${digestOf(bytes)}`;
    const wrong = `${location}&digest=${digestOf(Buffer.from('another'))}`;
    const answers = await Promise.all(
      [right, wrong, right, wrong, right].map((path) => call('PUT', path)),
    );
    const statuses = answers.map(({ status }) => status);
    assert.deepEqual([statuses[0], statuses[2], statuses[4]], [201, 201, 201]);
    assert.ok([400, 404].includes(statuses[1] ?? 0) && [400, 404].includes(statuses[3] ?? 0));
  });

  it('take the same blob from sixteen clients, into as many repositories', async () => {
    const bytes = Buffer.alloc(100_000, 'the same for all');
    const digest = digestOf(bytes);
    const names = Array.from({ length: 16 }, (_, at) => `crowds/same-${at % 4}`);
    const pushed = await Promise.all(
      names.map((name) => call('POST', `/v2/${name}/blobs/uploads/?digest=${digest}`, bytes)),
    );
    assert.deepEqual([...new Set(pushed.map(({ status }) => status))], [201]);
    for (const name of new Set(names)) {
      assert.ok((await call('GET', `/v2/${name}/blobs/${digest}`)).body.equals(bytes));
    }
  });

  it('point a tag that sixteen push at one of their images, and keep all of them', async () => {
    const images = Array.from({ length: 16 }, () => imageManifest());
    const digests = await Promise.all(
      images.map(async (image) => {
        for (const blob of image.blobs) {
          await call('POST', `/v2/crowds/tag/blobs/uploads/?digest=${blob.digest}`, blob.bytes);
        }
        const answer = await call('PUT', '/v2/crowds/tag/manifests/race', image.bytes, {
          'content-type': image.mediaType,
        });
        assert.equal(answer.status, 201);
        return image.digest;
      }),
    );
    const tagged = await call('GET', '/v2/crowds/tag/manifests/race');
    assert.ok(digests.some((digest) => digest === tagged.headers['docker-content-digest']));
    for (const digest of digests) {
      assert.equal((await call('HEAD', `/v2/crowds/tag/manifests/${digest}`)).status, 200);
    }
    assert.deepEqual(registry().logged, []);
  });
});
