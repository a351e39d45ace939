// The smoke test of a release, as the process that a build starts, against a real registry: it passes where all is well, and
// fails where something between them lies.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { unlessInstalled } from '#test/clients/client.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { send } from '#test/support/calls.ts';
import {
  type GoogleIdentityServer,
  startGoogleIdentity,
} from '#test/support/google-identity/server.ts';
import { type Asking, type Between, type Lie, startBetween, type Told } from './between.ts';
import { type Cloud, type Ended, startCloud } from './stand-ins.ts';

const repository = 'berth-release/smoke-test';
const largeBytes = 32 * 1024 * 1024;

let cloud: Cloud;
let google: GoogleIdentityServer;
let berth: RunningBerth;
let releaser: string;

before(async () => {
  cloud = await startCloud();
  google = await startGoogleIdentity();
  const account = await google.addServiceAccount('berth-release@example.iam.gserviceaccount.com');
  releaser = account.email;
  berth = await startBerth({
    environment: {
      BERTH_GOOGLE_STAND_IN: google.url,
      BERTH_OPERATORS: `serviceAccount:${account.email},serviceAccount:${account.id}`,
    },
  });
});
after(async () => {
  await berth.remove();
  await google.close();
  await cloud.remove();
});

/** As the admin, at a registry without TLS. */
function smoke(host: string, ...more: readonly string[]): Promise<Ended> {
  return cloud.release(
    ['smoke', `--domain=${host}`, '--plain-http', '--user=admin', '--password-stdin', ...more],
    { stdin: `${berth.password}\n` },
  );
}

async function passes(ended: Promise<Ended>): Promise<string> {
  const { code, stdout, stderr } = await ended;
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  return stdout;
}

async function fails(ended: Promise<Ended>, why: RegExp): Promise<void> {
  const { code, stderr } = await ended;
  assert.match(stderr, why);
  assert.equal(code, 1);
  assert.match(stderr, /^\S+: [^\n]*\n$/);
}

async function tagsLeft(): Promise<readonly string[]> {
  const { status, body } = await send(berth.url, {
    method: 'GET',
    path: `/v2/${repository}/tags/list`,
    authorization: `Basic ${Buffer.from(`admin:${berth.password}`).toString('base64')}`,
  });
  return status === 404 ? [] : JSON.parse(String(body)).tags;
}

async function through(lie: Lie, use: (between: Between) => Promise<void>): Promise<void> {
  const between = await startBetween(berth.url, lie);
  try {
    await use(between);
  } finally {
    between.close();
  }
}

describe('the smoke test', () => {
  it('pushes, pulls and deletes an image, tells each step, and leaves nothing', async () => {
    const told = await passes(smoke(berth.host));
    assert.deepEqual(
      told.split('\n'),
      [
        'asks for a token',
        'gives one',
        'takes a layer of 34603008 bytes in one PATCH without its length',
        'takes a layer and a config in one PUT each',
        'takes the manifest by its tag',
        'gives back the same bytes',
        'lists the tag',
        'deletes the tag and the image, and has them no more',
      ]
        .map((step) => `ok      ${berth.host}: ${step}`)
        .concat(''),
    );
    assert.deepEqual(await tagsLeft(), []);
  });

  for (const [whose, scopes] of Object.entries({
    'an account': ['cloud-platform', 'userinfo.email'],
    'an account that Google knows by its number alone': ['cloud-platform'],
  })) {
    it(`passes with the access token that gcloud gives, of ${whose}`, async () => {
      await cloud.giveAccessToken(google.metadataToken({ email: releaser, scopes }));
      await passes(cloud.release(['smoke', `--domain=${berth.host}`, '--plain-http']));
    });
  }

  it('tests each domain that it is given', async () => {
    const other = berth.host.replace('127.0.0.1', 'localhost');
    const told = await passes(smoke(berth.host, `--domain=${other}`));
    assert.ok(told.includes(`ok      ${other}: deletes the tag`));
  });

  it('fails where the password is wrong, and tells nobody which it was', async () => {
    const wrong = cloud.release(
      ['smoke', `--domain=${berth.host}`, '--plain-http', '--user=admin', '--password-stdin'],
      { stdin: 'quite-another' },
    );
    await fails(wrong, /GET \/v2\/token: 401 and not 200/);
    assert.ok(!(await wrong).stderr.includes('quite-another'));
  });

  it('fails where the account may not push', async () => {
    const token = google.accessToken({ email: 'stranger@example.com' });
    await cloud.giveAccessToken(token);
    await fails(
      cloud.release(['smoke', `--domain=${berth.host}`, '--plain-http']),
      /POST of an upload: 40[13] and not 202/,
    );
  });

  it('waits for a registry that does not answer as one yet', async () => {
    let asked = 0;
    const starting: Told = { status: 502, headers: {}, body: Buffer.from('starting') };
    const lie: Lie = {
      instead: () => {
        asked += 1;
        return asked === 1 ? starting : undefined;
      },
    };
    await through(lie, async ({ host }) => {
      await fails(smoke(host), /GET \/v2\/: 502 and not 401: starting/);
      asked = 0;
      await passes(smoke(host, '--wait=60'));
    });
  });
});

const isBlob = ({ method, path }: Asking) => method === 'GET' && path.includes('/blobs/sha256:');
const isManifest = ({ path }: Asking) => path.includes('/manifests/');

const lies: Readonly<Record<string, { readonly lie: Lie; readonly why: RegExp }>> = {
  'a bit of a layer is another one': {
    lie: {
      change: ({ body }, asking) => {
        if (isBlob(asking) && body.length > largeBytes) body[largeBytes] = ~(body[largeBytes] ?? 0);
      },
    },
    why: /GET of a blob, at \S+: other bytes than those that were pushed/,
  },
  'a layer is cut short': {
    lie: {
      change: (told, asking) => {
        if (isBlob(asking)) told.body = told.body.subarray(0, -1);
      },
    },
    why: /GET of a blob, at \S+: other bytes than those that were pushed/,
  },
  'no more than 32 MiB come through, as to a server that speaks no HTTP/2': {
    lie: {
      instead: ({ body }) =>
        body.length > largeBytes
          ? { status: 413, headers: {}, body: Buffer.from('too large') }
          : undefined,
    },
    why: /PATCH of a layer: 413 and not 202: too large/,
  },
  'a layer is said to be stored by another digest': {
    lie: {
      change: ({ headers }, { method, path }) => {
        if (method === 'PUT' && path.includes('/blobs/')) {
          headers['docker-content-digest'] = `sha256:${'0'.repeat(64)}`;
        }
      },
    },
    why: /PUT after a PATCH: docker-content-digest is sha256:0+ and not sha256:/,
  },
  'the manifest has other bytes': {
    lie: {
      change: (told, asking) => {
        if (isManifest(asking) && asking.method === 'GET' && told.status === 200) {
          told.body = Buffer.concat([told.body, Buffer.from(' ')]);
        }
      },
    },
    why: /GET of the manifest: other bytes/,
  },
  'the tag is not listed': {
    lie: {
      change: (told, { path }) => {
        if (path.includes('/tags/list')) told.body = Buffer.from('{"tags":null}');
      },
    },
    why: /GET of the tags: smoke-[0-9a-f]{16} is not listed/,
  },
  'the tag cannot be deleted by its name': {
    lie: {
      instead: ({ method, path }) =>
        method === 'DELETE' && path.includes('/manifests/smoke-')
          ? { status: 500, headers: {}, body: Buffer.from('not now') }
          : undefined,
    },
    why: /DELETE of smoke-[0-9a-f]{16}: 500 and not 202: not now/,
  },
  'what was deleted is there yet': {
    lie: {
      instead: (asking) =>
        asking.method === 'DELETE' && asking.path.includes('/manifests/sha256:')
          ? { status: 202, headers: {}, body: Buffer.alloc(0) }
          : undefined,
    },
    why: /GET of the manifest that was deleted: 200 and not 404/,
  },
  'tokens are to be had elsewhere': {
    lie: {
      change: ({ headers }, { path }) => {
        if (path === '/v2/') {
          headers['www-authenticate'] = 'Bearer realm="http://127.0.0.1:9/",service="another"';
        }
      },
    },
    why: /the challenge leads elsewhere, to http:\/\/127\.0\.0\.1:9\//,
  },
  'an upload is to go on elsewhere': {
    lie: {
      change: ({ headers }, { method }) => {
        if (method === 'POST') headers.location = `http://127.0.0.1:9${headers.location}`;
      },
    },
    why: /PATCH: the registry leads elsewhere, to http:\/\/127\.0\.0\.1:9\n/,
  },
};

describe('the smoke test fails, and leaves no tag, where', () => {
  for (const [what, { lie, why }] of Object.entries(lies)) {
    it(what, async () => {
      await through(lie, ({ host }) => fails(smoke(host), why));
      assert.deepEqual(await tagsLeft(), []);
    });
  }
});

describe('the smoke test of a registry whose layers lie elsewhere', () => {
  const blobs = new Map<string, Buffer>();
  const asked: (string | undefined)[] = [];
  let elsewhere: Server;

  before(async () => {
    elsewhere = createServer(({ headers, url = '' }, response) => {
      asked.push(headers.authorization);
      response.end(blobs.get(url));
    }).listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
  });
  after(() => elsewhere.close());

  /** Sends who GETs a blob to where the same bytes lie. */
  const elsewhereIs: Lie = {
    change: (told, asking) => {
      if (!isBlob(asking) || told.status !== 200) return;
      const path = `/${blobs.size}`;
      blobs.set(path, told.body);
      told.status = 307;
      told.headers = {
        location: `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}${path}`,
      };
      told.body = Buffer.alloc(0);
    },
  };

  it('pulls them from there, and shows its token to nobody but the registry', async () => {
    await through(elsewhereIs, async ({ host }) => {
      await passes(smoke(host));
      assert.deepEqual(asked, [undefined, undefined, undefined]);
    });
  });

  it('fails where other bytes lie there', async () => {
    const spoilt: Lie = {
      change: (told, asking) => {
        elsewhereIs.change?.(told, asking);
        for (const [path, bytes] of blobs) blobs.set(path, bytes.subarray(1));
      },
    };
    await through(spoilt, ({ host }) => fails(smoke(host), /other bytes than those/));
  });

  it('over TLS, fails where there is none', { skip: unlessInstalled('openssl') }, async () => {
    const { between, parameters, environment } = await overTls(elsewhereIs);
    try {
      await fails(
        cloud.release(parameters, { stdin: berth.password, environment }),
        /it lies where there is no TLS, at http:\/\/127\.0\.0\.1/,
      );
    } finally {
      between.close();
    }
  });
});

const domain = 'registry.example.test';

/** A load balancer that nobody's DNS knows, with a certificate for the registry's domain. */
async function overTls(lie: Lie = {}) {
  const at = (name: string) => join(cloud.directory, name);
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-days', '2', '-subj', `/CN=${domain}`, '-addext', `subjectAltName=DNS:${domain}`],
      ...['-keyout', at('tls.key'), '-out', at('tls.crt')],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const [key, cert] = await Promise.all([
    readFile(at('tls.key'), 'utf8'),
    readFile(at('tls.crt'), 'utf8'),
  ]);
  const between = await startBetween(berth.url, lie, { key, cert });
  return {
    between,
    parameters: [
      ...['smoke', `--domain=${domain}`, `--address=${between.host}`],
      ...['--user=admin', '--password-stdin'],
    ],
    environment: { NODE_EXTRA_CA_CERTS: at('tls.crt') },
  };
}

describe('the smoke test by the load balancer’s address', {
  skip: unlessInstalled('openssl'),
}, () => {
  it('asks for the domain, in TLS and in HTTP', async () => {
    const { between, parameters, environment } = await overTls();
    try {
      await passes(cloud.release(parameters, { stdin: berth.password, environment }));
      assert.deepEqual([...between.hosts], [domain]);
    } finally {
      between.close();
    }
  });

  it('sends nothing to who has no certificate for the domain', async () => {
    const { between, parameters } = await overTls();
    try {
      await fails(cloud.release(parameters, { stdin: berth.password }), /self-signed certificate/);
      assert.deepEqual([...between.hosts], []);
    } finally {
      between.close();
    }
  });
});
