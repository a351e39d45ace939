// Pushes as the clients make them, request for request.

import type { Connection } from './connection.ts';
import { type Blob, type Layer, manifestOf, manifestType } from './contents.ts';
import { demand } from './load.ts';
import type { Server } from './servers.ts';

/** A repository on a server, and the line that lets a request in. */
export interface Target {
  readonly server: Pick<Server, 'host' | 'port'>;
  readonly name: string;
  readonly authorization: string;
}

/** A request without a body, or its head. */
export function head(
  { server, authorization }: Target,
  method: string,
  path: string,
  headers = '',
): string {
  return `${method} ${path} HTTP/1.1\r\nHost: ${server.host}:${server.port}\r\n${authorization}${headers}\r\n`;
}

export function manifestPut(target: Target, reference: string, { bytes }: Blob): Buffer {
  const headers = `Content-Type: ${manifestType}\r\nContent-Length: ${bytes.length}\r\n`;
  const path = `/v2/${target.name}/manifests/${reference}`;
  return Buffer.concat([Buffer.from(head(target, 'PUT', path, headers)), bytes]);
}

/** Opens a session. @returns its path, ready for `digest=` to be added */
export async function openSession(connection: Connection, target: Target): Promise<string> {
  const request = head(
    target,
    'POST',
    `/v2/${target.name}/blobs/uploads/`,
    'Content-Length: 0\r\n',
  );
  const [, location = ''] =
    /\r\nlocation: (\S+)/i.exec(await demand(connection, request, 202)) ?? [];
  return location.replace(/^https?:\/\/[^/]+/, '');
}

/** docker, podman, crane: HEAD, POST, one PATCH, PUT; docker looks again afterwards. */
export async function pushByPatch(
  connection: Connection,
  target: Target,
  { bytes, digest }: Blob,
): Promise<void> {
  const path = `/v2/${target.name}/blobs/${digest}`;
  await demand(connection, head(target, 'HEAD', path), 404);
  const session = await openSession(connection, target);
  const chunk = `${bytes.length.toString(16)}\r\n`;
  const framed = [head(target, 'PATCH', session, 'Transfer-Encoding: chunked\r\n'), chunk, bytes];
  const patch = Buffer.concat([...framed, '\r\n0\r\n\r\n'].map((part) => Buffer.from(part)));
  const [, next = ''] = /\r\nlocation: (\S+)/i.exec(await demand(connection, patch, 202)) ?? [];
  const close = `${next.replace(/^https?:\/\/[^/]+/, '')}&digest=${digest}`;
  await demand(connection, head(target, 'PUT', close, 'Content-Length: 0\r\n'), 201);
  await demand(connection, head(target, 'HEAD', path), 200);
}

/** containerd, oras: HEAD, POST, one PUT with all of it. */
export async function pushByPut(
  connection: Connection,
  target: Target,
  { bytes, digest }: Blob,
): Promise<void> {
  await demand(connection, head(target, 'HEAD', `/v2/${target.name}/blobs/${digest}`), 404);
  const session = await openSession(connection, target);
  const headers = `Content-Type: application/octet-stream\r\nContent-Length: ${bytes.length}\r\n`;
  const put = head(target, 'PUT', `${session}&digest=${digest}`, headers);
  await demand(connection, Buffer.concat([Buffer.from(put), bytes]), 201);
}

/** A whole image, in a client's sequence. */
export async function pushImage(
  connection: Connection,
  target: Target,
  push: typeof pushByPatch,
  image: { readonly config: Blob; readonly layers: readonly Blob[]; readonly tag: string },
): Promise<void> {
  const manifest = manifestOf(image.config, image.layers);
  for (const blob of [...image.layers, image.config]) await push(connection, target, blob);
  const reference = `/v2/${target.name}/manifests/${image.tag}`;
  await demand(connection, head(target, 'HEAD', reference, `Accept: ${manifestType}\r\n`), 404);
  await demand(connection, manifestPut(target, image.tag, manifest), 201);
}

export type LayerSequence = 'docker' | 'podman' | 'containerd';

/**
 * A large layer: HEAD and POST; then docker's PATCH is chunked, podman's has a length, containerd sends one PUT.
 * docker looks again afterwards.
 */
export async function pushLayer(
  connection: Connection,
  target: Target,
  layer: Layer,
  sequence: LayerSequence,
): Promise<void> {
  const look = head(target, 'HEAD', `/v2/${target.name}/blobs/${layer.digest}`);
  await demand(connection, look, 404);
  const session = await openSession(connection, target);
  const length = `Content-Length: ${layer.size}\r\n`;
  const closing = (path: string) => `${path}&digest=${layer.digest}`;
  if (sequence === 'containerd') {
    await connection.write(head(target, 'PUT', closing(session), length));
    for (const bytes of layer.plain()) await connection.write(bytes);
    await expect(connection, 201);
    return;
  }
  const chunked = sequence === 'docker';
  const framing = chunked ? 'Transfer-Encoding: chunked\r\n' : length;
  await connection.write(head(target, 'PATCH', session, framing));
  for (const bytes of chunked ? layer.chunked() : layer.plain()) await connection.write(bytes);
  const answer = await expect(connection, 202);
  const [, next = ''] = /\r\nlocation: (\S+)/i.exec(answer) ?? [];
  const path = next.replace(/^https?:\/\/[^/]+/, '');
  await demand(connection, head(target, 'PUT', closing(path), 'Content-Length: 0\r\n'), 201);
  if (sequence === 'docker') await demand(connection, look, 200);
}

async function expect(connection: Connection, status: number): Promise<string> {
  const answer = await connection.answer(false, 'text');
  if (answer.status === status) return answer.head;
  throw new Error(`answered ${answer.status}, not ${status}: ${answer.text}`);
}
