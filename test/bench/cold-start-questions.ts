// What the functions are asked first by `npm run bench -- --cold-start`, of a registry that holds an image.

import type { TargetName } from '#functions/targets.ts';
import { argumentsOf } from '#test/support/backend.ts';
import { startBerth } from '#test/support/berth.ts';
import { Connection } from './connection.ts';
import { smallBlob } from './contents.ts';
import { head, openSession, pushByPut, pushImage, type Target } from './pushes.ts';

export interface Question {
  readonly row: string;
  readonly target: TargetName;
  readonly request: string;
  readonly status: number;
}

const repository = 'bench/image';
/** The host that every request names, wherever a function runs: tokens are a host's. */
const server = { host: 'registry.example', port: 443 };

const nobody: Target = { server, name: repository, authorization: '' };

/**
 * Pushes an image to Google's services.
 * @returns with the questions the admin's password
 */
export async function prepareQuestions(
  dataDirectory: string,
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly questions: readonly Question[]; readonly password: string }> {
  const { url, password, stop } = await startBerth({
    dataDirectory,
    environment,
    run: argumentsOf('start:google'),
  });
  try {
    const { hostname, port } = new URL(url);
    const connection = await Connection.open(hostname, Number(port));
    const target = { ...nobody, authorization: await bearer(connection, password) };
    const image = { config: smallBlob(1500), layers: [smallBlob(4096)], tag: 'v1' };
    await pushImage(connection, target, pushByPut, image);
    const session = await openSession(connection, target);
    connection.close();
    return { questions: ask(target, image.config.digest, session), password };
  } finally {
    await stop();
  }
}

async function bearer(connection: Connection, password: string): Promise<string> {
  const asAdmin = { ...nobody, authorization: basic('admin', password) };
  const request = head(asAdmin, 'GET', `/v2/token?scope=repository:${repository}:pull,push`);
  const { text } = await connection.send(request, 'text');
  return `Authorization: Bearer ${JSON.parse(text).token}\r\n`;
}

function basic(username: string, password: string): string {
  return `Authorization: Basic ${Buffer.from(`${username}:${password}`).toString('base64')}\r\n`;
}

/** Of each function, what needs nothing stored, and then what needs Firestore. */
function ask(client: Target, blob: string, session: string): readonly Question[] {
  const stranger = { ...nobody, authorization: basic('robot@bench', 'not-its-secret') };
  const at = `/v2/${repository}`;
  const emptyBody = 'Content-Length: 0\r\n';
  return [
    {
      row: 'token: an anonymous one',
      target: 'token',
      request: head(nobody, 'GET', `/v2/token?scope=repository:${repository}:pull`),
      status: 200,
    },
    {
      row: 'manifests: a challenge',
      target: 'manifests',
      request: head(nobody, 'GET', `${at}/manifests/v1`),
      status: 401,
    },
    {
      row: 'blobs: a challenge',
      target: 'blobs',
      request: head(nobody, 'GET', `${at}/blobs/${blob}`),
      status: 401,
    },
    {
      row: 'discovery: a challenge',
      target: 'discovery',
      request: head(nobody, 'GET', '/v2/'),
      status: 401,
    },
    {
      row: 'uploads: POST',
      target: 'uploads',
      request: head(client, 'POST', `${at}/blobs/uploads/`, emptyBody),
      status: 202,
    },
    { row: 'events: no route', target: 'events', request: head(nobody, 'GET', '/x'), status: 404 },
    {
      row: 'collector: no route',
      target: 'collector',
      request: head(nobody, 'GET', '/x'),
      status: 404,
    },
    {
      row: 'token: of a robot, Firestore',
      target: 'token',
      request: head(stranger, 'GET', '/v2/token'),
      status: 401,
    },
    {
      row: 'manifests: by tag, Firestore',
      target: 'manifests',
      request: head(client, 'GET', `${at}/manifests/v1`),
      status: 200,
    },
    {
      row: 'blobs: where it is, Firestore',
      target: 'blobs',
      request: head(client, 'GET', `${at}/blobs/${blob}`),
      status: 307,
    },
    {
      row: 'discovery: tags, Firestore',
      target: 'discovery',
      request: head(client, 'GET', `${at}/tags/list`),
      status: 200,
    },
    {
      row: 'uploads: how far it is, Firestore',
      target: 'uploads',
      request: head(client, 'GET', session),
      status: 204,
    },
    {
      row: 'events: a sweep, Firestore',
      target: 'events',
      request: head(nobody, 'POST', '/sweep', emptyBody),
      status: 200,
    },
    {
      row: 'collector: a run, Firestore',
      target: 'collector',
      request: head(nobody, 'POST', '/', emptyBody),
      status: 200,
    },
  ];
}
