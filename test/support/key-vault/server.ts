// A stand-in for Secret Manager (REST, v1) and for Cloud Storage's HMAC keys (JSON API), as far as Berth asks: it answers as
// Google's documents say, and refuses what they say is refused. What it is asked and nobody here knows, it answers 501 to.

import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { startCrc32c } from '#shared/google/crc32c.ts';
import { systemClock } from '#shared/ports/clock.ts';
import { type StoredHmacKey, type StoredVersion, Vault } from './vault.ts';

export const projectId = 'test-project';
/** How many versions or keys one page has: few, so that there are several. */
const pageLength = 2;

/** What a request is answered with in place of what it asked for, or after that was done. */
interface Fault {
  readonly match: RegExp;
  readonly status: number;
  readonly after?: true;
}

export interface KeyVaultServer {
  readonly url: string;
  readonly vault: Vault;
  /** `METHOD path` of each request. */
  readonly requests: string[];
  /** By how many versions `latest`, and all that is listed, lags behind; what is read by its number does not. */
  lag: number;
  /** Answers in place of the next requests that match, once each. */
  readonly faults: Fault[];
  /** What nobody may do: `versions.access`, `hmacKeys.create`. */
  readonly denied: Set<string>;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly text?: string;
}

class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Starts it on a free port of this machine. */
export async function startKeyVault(vault = new Vault(systemClock)): Promise<KeyVaultServer> {
  const known = {
    vault,
    requests: [] as string[],
    lag: 0,
    faults: [] as Fault[],
    denied: new Set<string>(),
  };
  const server = createServer(async (request, response) => {
    const answer = await answerTo(request, known).catch((error: unknown): Answer => {
      if (!(error instanceof Refusal)) throw error;
      const { status, code, message } = error;
      return { status, body: { error: { code: status, message, status: code } } };
    });
    const { status, body, text = body === undefined ? '' : JSON.stringify(body) } = answer;
    response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(known, {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
  });
}

type Known = Omit<KeyVaultServer, 'url' | 'close'>;

async function answerTo(message: IncomingMessage, known: Known): Promise<Answer> {
  const bytes = await buffer(message);
  const { method = '', url = '' } = message;
  const { pathname, searchParams } = new URL(url, 'http://stand-in');
  const asked = `${method} ${pathname}`;
  known.requests.push(asked);
  const at = known.faults.findIndex(({ match }) => match.test(asked));
  const [fault] = at === -1 ? [] : known.faults.splice(at, 1);
  const failed = fault && new Refusal(fault.status, 'UNAVAILABLE', 'The service is unavailable.');
  if (failed !== undefined && fault?.after !== true) throw failed;
  const answer = await answerWell(known, { method, pathname, searchParams, bytes });
  if (failed !== undefined) throw failed;
  return answer;
}

interface Asked {
  readonly method: string;
  readonly pathname: string;
  readonly searchParams: URLSearchParams;
  readonly bytes: Buffer;
}

async function answerWell(known: Known, asked: Asked): Promise<Answer> {
  const { method, pathname } = asked;
  const secrets = `/v1/projects/${projectId}/secrets/`;
  const keys = `/storage/v1/projects/${projectId}/hmacKeys`;
  if (pathname.startsWith(secrets))
    return answerSecret(known, asked, pathname.slice(secrets.length));
  if (pathname === keys || pathname.startsWith(`${keys}/`)) {
    return answerKey(known, asked, pathname.slice(keys.length + 1));
  }
  if (/^\/(storage\/)?v1\/projects\//.test(pathname)) {
    throw new Refusal(403, 'PERMISSION_DENIED', 'Permission denied on that project.');
  }
  throw new Refusal(
    501,
    'UNIMPLEMENTED',
    `${method} ${pathname} is nothing that the stand-in knows`,
  );
}

async function answerSecret(known: Known, asked: Asked, rest: string): Promise<Answer> {
  const [, secret = '', path = '', verb = ''] = /^([\w-]+)(\/[\w/]*)?(:\w+)?$/.exec(rest) ?? [];
  const versions = known.vault.secrets.get(secret);
  const call = `${asked.method} ${path.replace(/\d+$|latest$/, 'N')}${verb}`;
  const permission = {
    'POST :addVersion': 'versions.add',
    'GET /versions': 'versions.list',
    'GET /versions/N': 'versions.get',
    'GET /versions/N:access': 'versions.access',
    'POST /versions/N:destroy': 'versions.destroy',
  }[call];
  if (permission === undefined) throw new Refusal(501, 'UNIMPLEMENTED', call);
  if (known.denied.has(permission)) {
    throw new Refusal(
      403,
      'PERMISSION_DENIED',
      `Permission 'secretmanager.${permission}' denied for resource 'projects/${projectId}/secrets/${secret}' (or it may not exist).`,
    );
  }
  if (versions === undefined) {
    throw new Refusal(404, 'NOT_FOUND', `Secret [projects/1/secrets/${secret}] not found.`);
  }
  if (permission === 'versions.add') return added(known.vault, secret, asked.bytes);
  const listed = versions.slice(0, versions.length - known.lag);
  if (permission === 'versions.list') return page(secret, listed, asked.searchParams);
  const number = path.slice('/versions/'.length);
  const version =
    number === 'latest' ? listed.at(-1) : versions.find((one) => String(one.number) === number);
  if (version === undefined) {
    throw new Refusal(
      404,
      'NOT_FOUND',
      number === 'latest'
        ? `Secret [projects/1/secrets/${secret}] not found or has no versions.`
        : `Secret Version [projects/1/secrets/${secret}/versions/${number}] not found.`,
    );
  }
  if (permission === 'versions.get') {
    // Told of late, as lists are.
    if (!listed.includes(version)) throw new Refusal(404, 'NOT_FOUND', 'Secret Version not found.');
    return { status: 200, body: resource(secret, version) };
  }
  if (version.state !== 'ENABLED') {
    throw new Refusal(
      400,
      'FAILED_PRECONDITION',
      `Secret Version [${nameOf(secret, version)}] is in ${version.state} state.`,
    );
  }
  if (permission === 'versions.destroy') {
    if (JSON.stringify(JSON.parse(asked.bytes.toString())) !== '{}') throw badRequest('a body');
    version.state = 'DESTROYED';
    return { status: 200, body: resource(secret, version) };
  }
  return {
    status: 200,
    body: {
      name: nameOf(secret, version),
      payload: {
        data: version.bytes.toString('base64'),
        dataCrc32c: await checksum(version.bytes),
      },
    },
  };
}

async function added(vault: Vault, secret: string, bytes: Buffer): Promise<Answer> {
  const { payload } = JSON.parse(bytes.toString()) as {
    payload?: { data?: unknown; dataCrc32c?: unknown };
  };
  const data = Buffer.from(String(payload?.data ?? ''), 'base64');
  if (data.length === 0) throw badRequest('Secret Payload cannot be empty.');
  if (data.length > 65_536) throw badRequest('The secret payload exceeds the limit of 64KiB.');
  // An int64 is written as a string of digits.
  if (payload?.dataCrc32c !== (await checksum(data))) {
    throw badRequest('The checksum of the payload does not match.');
  }
  return { status: 200, body: resource(secret, vault.add(secret, data)) };
}

/** Newest first, as Secret Manager lists. */
function page(secret: string, versions: readonly StoredVersion[], query: URLSearchParams): Answer {
  const [, state = ''] = /^state:([A-Z]+)$/.exec(query.get('filter') ?? '') ?? [];
  const matching = versions.filter((one) => state === '' || one.state === state).reverse();
  const from = Number(query.get('pageToken') ?? 0);
  const shown = matching.slice(from, from + pageLength);
  const next = from + pageLength;
  return {
    status: 200,
    body: {
      ...(shown.length > 0 && { versions: shown.map((one) => resource(secret, one)) }),
      totalSize: matching.length,
      ...(next < matching.length && { nextPageToken: String(next) }),
    },
  };
}

function nameOf(secret: string, { number }: StoredVersion): string {
  return `projects/1234567890/secrets/${secret}/versions/${number}`;
}

function resource(secret: string, version: StoredVersion) {
  return {
    name: nameOf(secret, version),
    createTime: new Date(version.createdMs).toISOString().replace('Z', '123Z'),
    state: version.state,
    replicationStatus: { automatic: {} },
    etag: '"1634a1b2c3d4e5"',
    clientSpecifiedPayloadChecksum: true,
  };
}

function answerKey({ vault, denied }: Known, asked: Asked, accessId: string): Answer {
  const { method, searchParams, bytes } = asked;
  const call =
    accessId === '' ? { GET: 'list', POST: 'create' } : { PUT: 'update', DELETE: 'delete' };
  const permission = (call as Record<string, string>)[method];
  if (permission === undefined) throw new Refusal(501, 'UNIMPLEMENTED', method);
  if (denied.has(`hmacKeys.${permission}`)) {
    throw new Refusal(
      403,
      'PERMISSION_DENIED',
      `somebody does not have storage.hmacKeys.${permission} access to the Google Cloud project. Permission 'storage.hmacKeys.${permission}' denied on resource (or it may not exist).`,
    );
  }
  const account = searchParams.get('serviceAccountEmail') ?? '';
  if (permission === 'list') {
    const keys = vault.hmacKeys.filter((key) => key.account === account && key.state !== 'DELETED');
    const from = Number(searchParams.get('pageToken') ?? 0);
    const next = from + pageLength;
    const items = keys.slice(from, next).map(metadataOf);
    return {
      status: 200,
      body: {
        kind: 'storage#hmacKeysMetadata',
        ...(items.length > 0 && { items }),
        ...(next < keys.length && { nextPageToken: String(next) }),
      },
    };
  }
  if (permission === 'create') {
    if (!/^[\w-]+@[\w.-]+\.gserviceaccount\.com$/.test(account)) {
      throw new Refusal(404, 'NOT_FOUND', `Service Account '${account}' not found.`);
    }
    const key = vault.createHmacKey(account);
    return {
      status: 200,
      body: { kind: 'storage#hmacKey', metadata: metadataOf(key), secret: key.secret },
    };
  }
  const key = vault.hmacKey(accessId);
  if (key === undefined) throw new Refusal(404, 'NOT_FOUND', `Access ID ${accessId} not found`);
  if (permission === 'delete') {
    if (key.state === 'ACTIVE') throw badRequest('Cannot delete keys in ACTIVE state.');
    key.state = 'DELETED';
    return { status: 204 };
  }
  const { state } = JSON.parse(bytes.toString()) as { state?: unknown };
  if (state !== 'ACTIVE' && state !== 'INACTIVE') throw badRequest('Invalid state.');
  Object.assign(key, { state, updatedMs: vault.clock.now() });
  return { status: 200, body: metadataOf(key) };
}

function metadataOf({ accessId, account, createdMs, updatedMs, state }: StoredHmacKey) {
  return {
    kind: 'storage#hmacKeyMetadata',
    id: `${projectId}/${accessId}`,
    accessId,
    projectId,
    serviceAccountEmail: account,
    state,
    timeCreated: new Date(createdMs).toISOString(),
    updated: new Date(updatedMs).toISOString(),
    etag: 'YTcwZjVhZmEz',
  };
}

function badRequest(message: string): Refusal {
  return new Refusal(400, 'INVALID_ARGUMENT', message);
}

async function checksum(bytes: Buffer): Promise<string> {
  const crc = await startCrc32c();
  crc.update(bytes);
  return String(Buffer.from(crc.digest(), 'base64').readUInt32BE());
}
