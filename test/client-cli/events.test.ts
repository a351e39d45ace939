// `berth events tail`: a line for each change, pushed by a real registry or pulled from a topic; and nothing of what others
// write makes a terminal do anything, or ends it.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Scratch, scratch } from '#test/clients/client.ts';
import { startBerth } from '#test/support/berth.ts';
import { pushAll, pushManifest, sendAll } from '#test/support/calls.ts';
import { imageManifest } from '#test/support/manifests.ts';
import { adminPassword } from '#test/support/registry.ts';
import { type Programs, programsIn, type Running } from './programs.ts';
import { type Answered, type Received, type SmallServer, startSmallServer } from './server.ts';

const digest = `sha256:${'0123456789ab'.padEnd(64, 'c')}`;

/** A message as Pub/Sub has it. */
const messageOf = (data: unknown, attributes: Readonly<Record<string, unknown>> = {}) => ({
  data: Buffer.from(typeof data === 'string' ? data : JSON.stringify(data)).toString('base64'),
  attributes,
  messageId: '1',
  publishTime: '2026-11-24T12:00:00.5Z',
});
const insertion = (image: string, tag?: string) => ({
  action: 'INSERT',
  digest: `${image}@${digest}`,
  ...(tag === undefined ? {} : { tag: `${image}:${tag}` }),
});

let space: Scratch;
let programs: Programs;
before(async () => {
  space = await scratch();
  programs = programsIn(space.path);
});
after(() => space.remove());

/** Listens. @returns what runs, and where */
async function listen(...parameters: string[]): Promise<{ running: Running; url: string }> {
  const running = programs.startBerth(['events', 'tail', '--listen', '0', ...parameters]);
  const told = /BERTH_PUSH_ENDPOINTS=(\S+)\n/;
  await running.until(({ stderr }) => told.test(stderr()));
  return { running, url: told.exec(running.stderr())?.[1] ?? '' };
}

async function post(
  url: string,
  body: string | object,
  options: { readonly method?: string; readonly type?: string } = {},
): Promise<number> {
  const { method = 'POST', type = 'application/json' } = options;
  const { status } = await fetch(url, {
    method,
    headers: { 'Content-Type': type },
    ...(method === 'GET' ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return status;
}

describe('berth events tail --listen', () => {
  it('prints what a registry on this machine pushes, and ends after as many as it is told', async () => {
    const { running, url } = await listen('-n', '4');
    const berth = await startBerth({
      environment: { BERTH_ADMIN_PASSWORD: adminPassword, BERTH_PUSH_ENDPOINTS: url },
    });
    const [image, name] = [imageManifest(), 'tail/app'];
    try {
      await sendAll(berth.url, [
        ...pushAll(name, image),
        pushManifest(name, image, 'v1'),
        {
          method: 'DELETE',
          path: `/v2/${name}/manifests/${image.digest}`,
          expect: { status: 202 },
        },
      ]);
      const { code, stdout } = await running.ended;
      assert.equal(code, 0);
      const [named, short] = [`${berth.host}/${name}`, image.digest.slice(0, 19)];
      const lines = stdout.trimEnd().split('\n');
      assert.deepEqual(
        lines.map((line) => line.split('  ').slice(1)),
        [
          ['INSERT', named, '-', short, 'user:admin'],
          ['INSERT', named, 'v1', short, 'user:admin'],
          ['DELETE', named, 'v1', '-', 'user:admin'],
          ['DELETE', named, '-', short, 'user:admin'],
        ],
      );
      for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z {2}/);
    } finally {
      await berth.remove();
    }
  });

  it('prints JSON, a line each, with all that is known', async () => {
    const { running, url } = await listen('--json', '-n', '2');
    const attributes = {
      eventId: 'e1',
      repository: 'p/app',
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      size: '123',
      actor: 'robot:ci@p',
      requestId: 'r1',
      time: '2026-11-24T12:00:00.000Z',
    };
    const message = messageOf(insertion('localhost:5000/p/app', 'v1'), attributes);
    for (const sent of [message, message, messageOf(insertion('gcr.io/p/app'))]) {
      assert.equal(await post(url, { message: sent, subscription: 's' }), 204);
    }
    const { stdout } = await running.ended;
    const { repository: _, size, ...rest } = attributes;
    assert.deepEqual(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
      [
        {
          action: 'INSERT',
          image: 'localhost:5000/p/app',
          tag: 'v1',
          digest,
          size: Number(size),
          ...rest,
        },
        // What gcr.io itself publishes has no attributes.
        { time: '2026-11-24T12:00:00.5Z', action: 'INSERT', image: 'gcr.io/p/app', digest },
      ],
    );
  });

  it('refuses what is no change, and goes on', async () => {
    const { running, url } = await listen();
    const refused: readonly (readonly [number, string | object, Parameters<typeof post>[2]?])[] = [
      [405, '', { method: 'GET' }],
      [415, { message: messageOf(insertion('a/b')) }, { type: 'text/plain' }],
      [413, `{"message":"${'x'.repeat(2 * 1024 * 1024)}"}`],
      [400, ''],
      [400, '{'],
      [400, 'null'],
      [400, '[]'],
      [400, {}],
      [400, { message: 1 }],
      [400, { message: {} }],
      [400, { message: { data: 5 } }],
      [400, { message: messageOf('no JSON') }],
      [400, { message: messageOf('[]') }],
      [400, { message: messageOf({ action: 'MOVE', tag: 'a/b:c' }) }],
      [400, { message: messageOf({ action: 'INSERT' }) }],
      [400, { message: messageOf({ action: 'INSERT', digest: '@' }) }],
      [400, { message: messageOf({ action: 'INSERT', digest: 'a/b', tag: 'a/b:c' }) }],
      [400, { message: messageOf({ action: 'INSERT', tag: 'localhost:5000/b' }) }],
      [400, { message: messageOf({ ...insertion('a/b'), tag: 'a/other:c' }) }],
      [400, { message: messageOf({ action: 'INSERT', tag: `a/${'b'.repeat(2000)}:c` }) }],
      [400, { message: messageOf({ action: 'INSERT', tag: 'a/b:c', x: 'y'.repeat(70_000) }) }],
    ];
    for (const [status, body, options] of refused) {
      assert.equal(await post(url, body, options), status, JSON.stringify(body).slice(0, 200));
    }
    assert.equal(await post(url, { message: messageOf(insertion('a/b', 'c')) }), 204);
    await running.until(({ stdout }) => stdout() !== '');
    running.kill('SIGINT');
    const { code, stdout } = await running.ended;
    assert.equal(code, 0);
    assert.equal(stdout, `2026-11-24T12:00:00.5Z  INSERT  a/b  c  ${digest.slice(0, 19)}  -\n`);
  });

  for (const parameters of [[], ['--json']]) {
    it(`hands on nothing that a terminal obeys ${parameters.join('')}`, async () => {
      const { running, url } = await listen('-n', '1', ...parameters);
      const evil = '\u001b[2J\u009b31m\u202e\u0007\r\n';
      const data = { ...insertion(`a${evil}/b`, evil), extra: evil };
      const known = { actor: evil, time: evil, mediaType: evil, requestId: evil, size: evil };
      assert.equal(await post(url, { message: messageOf(data, known) }), 204);
      const { stdout } = await running.ended;
      assert.match(stdout, /INSERT/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about.
      assert.doesNotMatch(stdout.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u202e]/);
    });
  }

  it('ends with 1 where the port is taken', async () => {
    const { running, url } = await listen();
    const { port } = new URL(url);
    const { code, stderr } = await programs.berth(['events', 'tail', '--listen', port]);
    assert.match(stderr, /^berth: the port \d+ cannot be listened on/);
    assert.equal(code, 1);
    running.kill('SIGTERM');
    assert.equal((await running.ended).code, 0);
  });
});

describe('berth events tail, of a topic', () => {
  let google: SmallServer;
  let key: string;
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  before(async () => {
    google = await startSmallServer();
    space.after(() => google.close());
    key = join(space.path, 'key.json');
    await mkdir(join(space.path, 'gcloud'), { recursive: true });
    const file = {
      type: 'service_account',
      project_id: 'my-project',
      client_email: 'ci@my-project.iam.gserviceaccount.com',
      private_key_id: 'key-1',
      private_key: privateKey,
    };
    await writeFile(key, JSON.stringify(file));
  });

  const environment = () => ({
    BERTH_GOOGLE_STAND_IN: `http://${google.host}`,
    GOOGLE_APPLICATION_CREDENTIALS: key,
    CLOUDSDK_CONFIG: join(space.path, 'gcloud'),
  });
  const tail = (...parameters: string[]) =>
    programs.startBerth(['events', 'tail', ...parameters], { environment: environment() });
  const scopeOf = ({ headers }: Received): unknown => {
    const [, claims = ''] = (headers.authorization ?? '').split('.');
    return JSON.parse(Buffer.from(claims, 'base64url').toString()).scope;
  };
  const isPull = ({ path }: Received) => path.endsWith(':pull');
  const received = (ackId: string, message: object) => ({ ackId, message });

  it('subscribes with its own credentials, pulls, acknowledges and removes what it made', async () => {
    const pulls: Answered[] = [
      { status: 401, body: { error: { message: 'expired' } } },
      { body: {} },
      {
        body: {
          receivedMessages: [
            received('a1', messageOf(insertion('h/p/app', 'v1'))),
            received('a2', messageOf('something else')),
          ],
        },
      },
      { body: { receivedMessages: [received('a3', messageOf(insertion('h/p/app', 'v2')))] } },
    ];
    google.answers((request) =>
      isPull(request) ? (pulls.shift() ?? { status: 500 }) : { body: {} },
    );
    const { code, stdout, stderr } = await tail('-n', '2').ended;
    assert.equal(code, 0);
    assert.deepEqual(stdout.match(/app {2}\S+/g), ['app  v1', 'app  v2']);
    assert.equal(
      stderr,
      'subscribed to projects/my-project/topics/gcr\n1 messages were no changes of images, and passed over\n',
    );
    const [made] = google.received;
    const name = made?.path ?? '';
    assert.match(name, /^\/v1\/projects\/my-project\/subscriptions\/berth-tail-[0-9a-f-]{36}$/);
    assert.deepEqual(
      google.received.map(({ method, path }) => `${method} ${path.replace(name, '')}`),
      [
        'PUT ',
        'POST :pull',
        'POST :pull',
        'POST :pull',
        'POST :acknowledge',
        'POST :pull',
        'POST :acknowledge',
        'DELETE ',
      ],
    );
    const { topic, expirationPolicy } = JSON.parse(made?.body ?? '');
    assert.equal(topic, 'projects/my-project/topics/gcr');
    assert.deepEqual(expirationPolicy, { ttl: '86400s' });
    for (const request of google.received) {
      assert.equal(scopeOf(request), 'https://www.googleapis.com/auth/pubsub');
    }
    const acknowledged = google.received.filter(({ path }) => path.endsWith(':acknowledge'));
    assert.deepEqual(
      acknowledged.map(({ body }) => JSON.parse(body)),
      [{ ackIds: ['a1', 'a2'] }, { ackIds: ['a3'] }],
    );
  });

  it('takes another topic, and another project', async () => {
    google.answers(() => ({ status: 404, body: { error: { message: 'Resource not found' } } }));
    for (const [parameters, topic] of [
      [['--topic', 'projects/other/topics/x'], 'projects/other/topics/x'],
      [['--project', 'third'], 'projects/third/topics/gcr'],
    ] as const) {
      google.received.length = 0;
      const { code, stderr } = await tail(...parameters).ended;
      assert.deepEqual(JSON.parse(google.received[0]?.body ?? '').topic, topic);
      assert.equal(stderr, 'berth: Pub/Sub refused: Resource not found\n');
      assert.equal(code, 4);
    }
  });

  it('removes what it made also when it is refused midway, and ends with 3 where it may not', async () => {
    google.answers((request) =>
      isPull(request) ? { status: 403, body: { error: { message: 'no\u001b[2J' } } } : { body: {} },
    );
    const { code, stderr } = await tail().ended;
    assert.match(stderr, /\nberth: Pub\/Sub refused: no\?\[2J\n$/);
    assert.equal(code, 3);
    assert.equal(google.received.at(-1)?.method, 'DELETE');
  });

  it('does not take an answer that is too long', async () => {
    google.answers((request) =>
      isPull(request) ? { body: `{"x":"${'y'.repeat(17 * 1024 * 1024)}"}` } : { body: {} },
    );
    const { code, stderr } = await tail().ended;
    assert.match(stderr, /answered with more than \d+ bytes\n$/);
    assert.equal(code, 1);
  });

  it('says what is missing', async () => {
    const none = { CLOUDSDK_CONFIG: join(space.path, 'gcloud'), PATH: '/nowhere' };
    const rows = [
      [['events', 'tail'], 2, /of which project\?/],
      [['events', 'tail', '--project', 'p'], 3, /no Google credentials/],
    ] as const;
    for (const [parameters, wanted, message] of rows) {
      const { code, stderr } = await programs.berth(parameters, { environment: none });
      assert.match(stderr, message);
      assert.equal(code, wanted);
    }
  });
});

describe('berth events tail, used wrongly, ends with 2:', () => {
  const wrong: readonly [string[], RegExp][] = [
    [['--listen', '99999'], /takes a port/],
    [['--listen', 'x'], /takes a port/],
    [['--listen', '--topic', 'projects/p/topics/t'], /either --listen, or a topic/],
    [['--topic', 'gcr'], /gcr is no topic: write projects\/PROJECT\/topics\/NAME/],
    [['--topic', 'projects/p/topics/../x'], /is no topic/],
    [['--topic', 'projects/p/topics/t?x=y'], /is no topic/],
    [['--listen', '0', '-n', '0'], /-n is how many/],
  ];
  for (const [parameters, message] of wrong) {
    it(parameters.join(' '), async () => {
      const { code, stderr } = await programs.berth(['events', 'tail', ...parameters]);
      assert.match(stderr, message);
      assert.match(stderr, /^berth: [^\n]*\n$/);
      assert.equal(code, 2);
    });
  }

  it('and its help has an example, the exit codes and --json', async () => {
    const { code, stdout } = await programs.berth(['events', 'tail', '--help']);
    assert.equal(code, 0);
    assert.match(stdout, /Example:\n {2}berth events tail/);
    assert.match(stdout, /Exit codes:\n {2}0 done/);
    for (const option of ['--json', '--topic <name>', '--listen [port]']) {
      assert.ok(stdout.includes(option), option);
    }
  });
});
