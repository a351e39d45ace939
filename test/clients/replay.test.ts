// What clients send on the wire, sent again: so the registry answers also those that are not installed, and
// those that are, whatever their version.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { type Call, sendAll } from '#test/support/calls.ts';
import { contentOf, imageManifest } from '#test/support/manifests.ts';
import { sendBytes } from '#test/support/wire.ts';
import { containerd } from './replayed/containerd.ts';
import { containersImage } from './replayed/containers-image.ts';
import { cosign } from './replayed/cosign.ts';
import { crane } from './replayed/crane.ts';
import { docker } from './replayed/docker.ts';
import { helm } from './replayed/helm.ts';
import { oras } from './replayed/oras.ts';
import {
  bearing,
  challenged,
  getBlob,
  headBlob,
  patch,
  ping,
  post,
  put,
  putManifest,
  scopeOf,
  service,
  tokenByForm,
  tokenByGet,
} from './replayed/steps.ts';

/** What newer clients made with Go take a body as; what was pushed must come as it was pushed. */
const encodings = { 'Accept-Encoding': 'zstd;q=1.0, gzip;q=0.8, deflate;q=0.5' };

const clients = [
  docker(),
  containerd('containerd 1.6', 'containerd-client', { 'User-Agent': 'containerd/1.6.20' }),
  containerd('BuildKit and docker 28', 'buildkit-client', {
    'User-Agent': 'buildkit/v0.20',
    ...encodings,
  }),
  containersImage(),
  crane(),
  oras(),
  cosign(),
  helm(),
];

let berth: RunningBerth;
before(async () => {
  berth = await startBerth({ environment: { BERTH_ANONYMOUS_PULL: 'open' } });
});
after(() => berth.remove());

/** Sends calls, none of them as anybody unless it says so. @returns what they kept */
const replay = async (calls: readonly Call[], headers: Readonly<Record<string, string>> = {}) => {
  const { url, password } = berth;
  const words = new Map([
    ['basic', Buffer.from(`admin:${password}`).toString('base64')],
    ['password', password],
  ]);
  const sent = calls.map((call) => ({
    ...call,
    authorization: call.authorization ?? null,
    headers: { ...headers, ...call.headers },
  }));
  const kept = await sendAll(url, sent, words);
  assert.doesNotMatch(berth.output(), /"severity":"ERROR"/);
  return kept;
};

for (const { client, headers, replays } of clients) {
  describe(client, () => {
    for (const { description, calls } of replays) {
      it(description, async () => {
        await replay(calls, headers);
      });
    }
  });
}

describe('tokens', () => {
  const password = [
    ['client_id', 'containerd-client'],
    ['grant_type', 'password'],
    ['password', '{password}'],
    ['scope', 'repository:replay/tokens:pull repository:replay/tokens:pull,push'],
    service,
    ['username', 'admin'],
  ] as const;
  const blob = contentOf('for tokens');
  const opens = bearing([headBlob('replay/tokens', blob, 404), post('replay/tokens')]);

  it('are issued for a form that is chunked, with no length', async () => {
    const chunked = { 'Transfer-Encoding': 'chunked' };
    await replay([challenged(ping), tokenByForm(password, chunked), ...opens]);
  });

  it('are issued for a form with a charset in its type', async () => {
    const typed = { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' };
    await replay([challenged(ping), tokenByForm(password, typed), ...opens]);
  });

  it('are refused for a wrong password, in a form as in a header', async () => {
    const wrong = (call: Call): Call => ({
      ...call,
      expect: { status: 401, code: 'UNAUTHORIZED', message: /password is wrong/ },
      keep: {},
    });
    const form = password.map(([name, value]): [string, string] => [
      name,
      name === 'password' ? 'wrong' : value,
    ]);
    const header = `Basic ${Buffer.from('admin:wrong').toString('base64')}`;
    await replay([
      challenged(ping),
      wrong(tokenByForm(form)),
      wrong(tokenByGet([['account', 'admin'], service], header)),
    ]);
  });
});

describe('on the wire', () => {
  const [name, image] = ['replay/wire', imageManifest()];
  const large = contentOf(randomBytes(16 * 1024 * 1024));
  /** Pushes an image and a blob of many packets. @returns a token for more */
  const prepare = async () => {
    const kept = await replay([
      challenged(ping),
      tokenByGet([scopeOf(name, 'pull,push'), service]),
      ...bearing([
        ...[...image.blobs, large].flatMap((blob) => [post(name), put(blob, {}, blob.bytes)]),
        putManifest(name, 'v1', image),
      ]),
    ]);
    const token = kept.get('token');
    assert.ok(token !== undefined);
    return token;
  };

  it('a manifest is found by six Accept lines, on a connection that is closed after it', async () => {
    const token = await prepare();
    const types = [
      'application/vnd.oci.image.manifest.v1+json',
      'application/vnd.docker.distribution.manifest.v2+json',
      'application/vnd.docker.distribution.manifest.v1+prettyjws',
      'application/vnd.docker.distribution.manifest.v1+json',
      'application/vnd.docker.distribution.manifest.list.v2+json',
      'application/vnd.oci.image.index.v1+json',
    ];
    const lines = [
      `GET /v2/${name}/manifests/v1 HTTP/1.1`,
      `Host: ${berth.host}`,
      ...types.map((type) => `Accept: ${type}`),
      `Authorization: Bearer ${token}`,
      'Connection: close',
    ];
    // Until the registry ends the connection, this waits.
    const { status, head, body } = await sendBytes(berth.url, `${lines.join('\r\n')}\r\n\r\n`);
    assert.equal(status, 200);
    assert.match(head, /^Content-Type: application\/vnd\.oci\.image\.manifest\.v1\+json\r?$/m);
    assert.equal(body, image.bytes.toString('latin1'));
  });

  it('a pull that broke off goes on where it was', async () => {
    const token = await prepare();
    const path = `/v2/${name}/blobs/${large.digest}`;
    const first = await readUntil(berth.url, { path, token, bytes: 1024 * 1024 });
    assert.ok(first.length < large.bytes.length, 'it was whole before it could break off');
    const rest = large.bytes.subarray(first.length);
    await replay([
      {
        ...getBlob(name, large),
        authorization: `Bearer ${token}`,
        headers: { Range: `bytes=${first.length}-` },
        expect: {
          status: 206,
          headers: {
            'Content-Length': String(rest.length),
            'Content-Range': `bytes ${first.length}-${large.bytes.length - 1}/${large.bytes.length}`,
          },
          body: rest,
        },
      },
    ]);
    assert.ok(first.equals(large.bytes.subarray(0, first.length)));
  });

  it('a push that broke off is done again from a new POST', async () => {
    const token = await prepare();
    const blob = contentOf(randomBytes(200_000));
    const again = (calls: readonly Call[]) =>
      replay(calls.map((call) => ({ ...call, authorization: `Bearer ${token}` })));
    const upload = (await again([post(name)])).get('upload');
    assert.ok(upload !== undefined);
    const head = [
      `PATCH ${upload} HTTP/1.1`,
      `Host: ${berth.host}`,
      `Authorization: Bearer ${token}`,
      'Transfer-Encoding: chunked',
    ];
    const half = blob.bytes.subarray(0, 100_000);
    const started = Buffer.concat([
      Buffer.from(`${head.join('\r\n')}\r\n\r\n${half.length.toString(16)}\r\n`),
      half,
    ]);
    const broken = await sendBytes(berth.url, started, { afterwards: 'reset' });
    assert.equal(broken.status, 0);
    await again([
      headBlob(name, blob, 404),
      post(name),
      patch(blob, { chunked: true }),
      put(blob),
      getBlob(name, blob),
    ]);
  });
});

/** Reads the beginning of an answer, and breaks the connection. @returns what had come by then */
async function readUntil(
  url: string,
  { path, token, bytes }: { path: string; token?: string; bytes: number },
): Promise<Buffer> {
  const { hostname, port } = new URL(url);
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const sent = request({ hostname, port, path, headers, agent: false }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const { location } = answer.headers;
  if (answer.statusCode === 307 && location !== undefined) {
    sent.destroy();
    const { origin, pathname, search } = new URL(location);
    return readUntil(origin, { path: `${pathname}${search}`, bytes });
  }
  assert.equal(answer.statusCode, 200);
  const pieces: Buffer[] = [];
  let received = 0;
  for await (const piece of answer) {
    pieces.push(piece);
    received += piece.length;
    if (received >= bytes) break;
  }
  sent.destroy();
  return Buffer.concat(pieces);
}
