// What a function is asked so that what it answers by is compiled: what clients ask most.

import { createHash } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { TargetName } from '#functions/targets.ts';

/** The admin's, while the functions are compiled. */
export const password = 'nobody-has-this-password';

const repository = '/v2/project/image';
const bytes = Buffer.from('{}');
const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const manifest = JSON.stringify({
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: bytes.length },
  layers: [],
});

interface Answer {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Ask = (
  method: string,
  path: string,
  options?: { readonly type?: string; readonly body?: string | Buffer; readonly accept?: string },
) => Promise<Answer>;

/**
 * Asks a function everything.
 * @param token by which to ask; for `token`, which issues it, any
 * @returns a token, where it was asked for one
 */
export async function askAll(
  name: TargetName,
  port: number,
  token: string,
): Promise<string | undefined> {
  if (name === 'token') return askToken(port);
  const ask = asking(port, `Bearer ${token}`);
  if (name === 'uploads') await askUploads(ask);
  else if (name === 'events') await askEvents(ask);
  else if (name === 'admin') await askAdmin(ask);
  else if (name === 'mirror') await askMirror(ask);
  else if (name === 'collector' || name === 'keys') await ask('POST', '/');
  else if (name === 'console') await askPages(ask);
  else await askReads(ask);
  return undefined;
}

async function askToken(port: number): Promise<string> {
  const basic = Buffer.from(`admin:${password}`).toString('base64');
  const scope =
    'repository:project/image:pull,push&scope=registry:catalog:*&scope=project:project:admin';
  const { body } = await asking(port, `Basic ${basic}`)('GET', `/v2/token?scope=${scope}`);
  return JSON.parse(body).token;
}

/** What each of the functions answers that answer for one another. */
async function askReads(ask: Ask): Promise<void> {
  await ask('GET', '/v2/');
  await ask('GET', '/v2/_catalog');
  await ask('GET', `${repository}/manifests/latest`);
  await ask('HEAD', `${repository}/manifests/${digest}`);
  await ask('PUT', `${repository}/manifests/latest`, {
    type: 'application/vnd.oci.image.manifest.v1+json',
    body: manifest,
  });
  await ask('HEAD', `${repository}/blobs/${digest}`);
  await ask('GET', `${repository}/blobs/${digest}`);
  await ask('GET', `${repository}/tags/list`);
  await ask('GET', `${repository}/referrers/${digest}`);
}

async function askUploads(ask: Ask): Promise<void> {
  const upload = { type: 'application/octet-stream', body: bytes };
  const { headers } = await ask('POST', `${repository}/blobs/uploads/`);
  await ask('PATCH', headers.location ?? '', upload);
  await ask('PUT', `${headers.location}&digest=${digest}`, upload);
}

async function askAdmin(ask: Ask): Promise<void> {
  const at = '/api/v1/projects/project';
  const send = (method: string, path: string, body: object) =>
    ask(method, path, { type: 'application/json', body: JSON.stringify(body) });
  await ask('GET', '/api/v1/whoami');
  await ask('GET', '/api/v1/projects');
  await ask('GET', `${at}/policy`);
  await send('PUT', `${at}/policy`, { bindings: [], etag: '0' });
  await ask('GET', `${at}/robots`);
  await send('POST', `${at}/robots`, { name: 'ci', role: 'writer' });
  await ask('GET', `${at}/federation`);
  await ask('GET', `${at}/audit`);
}

/** With nothing stored there is nothing to be shown, but for what is always there. */
async function askPages(ask: Ask): Promise<void> {
  for (const path of ['/', '/project', '/project/image', '/project/image:latest']) {
    await ask('GET', path, { accept: 'text/html' });
  }
}

/** Of a host that is a mirror of what does not answer. */
async function askMirror(ask: Ask): Promise<void> {
  await ask('GET', '/v2/');
  await ask('GET', '/v2/image/manifests/latest');
  await ask('GET', `/v2/image/manifests/${digest}`);
  await ask('HEAD', `/v2/image/blobs/${digest}`);
  await ask('GET', `/v2/image/blobs/${digest}`);
}

async function askEvents(ask: Ask): Promise<void> {
  await ask('POST', '/');
  await ask('POST', '/sweep');
}

/** Asks in the name of one host, wherever a function runs: tokens are a host's. */
function asking(port: number, authorization: string): Ask {
  return async (method, path, { type, accept, body = '' } = {}) => {
    const headers = {
      Host: 'registry.example',
      Authorization: authorization,
      'Content-Length': Buffer.byteLength(body),
      ...(type === undefined ? {} : { 'Content-Type': type }),
      ...(accept === undefined ? {} : { Accept: accept }),
    };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ host: '127.0.0.1', port, method, path, headers, agent: false }, resolve)
        .once('error', reject)
        .end(body);
    });
    // Whoever is not let in sees nothing of what is behind the door.
    if (answer.statusCode === 401) throw new Error(`${method} ${path} was answered 401`);
    return { headers: answer.headers, body: await text(answer) };
  };
}
