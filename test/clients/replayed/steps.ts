// The steps that clients' requests are made of, to be sent again as they were seen on the wire.

import assert from 'node:assert/strict';
import type { Answer, Call, CallHeaders, Expectation } from '#test/support/calls.ts';
import {
  type Content,
  dockerManifest,
  dockerManifestList,
  imageIndex,
  imageManifest,
  type Manifest,
} from '#test/support/manifests.ts';

/** What a client does, one request after another. */
export interface Replay {
  readonly description: string;
  readonly calls: readonly Call[];
}

export interface ReplayedClient {
  readonly client: string;
  /** On each of its requests. */
  readonly headers: Readonly<Record<string, string>>;
  readonly replays: readonly Replay[];
}

/** As Go writes a query or a form. `{words}` stay, for what an earlier answer kept. */
export function formOf(fields: readonly (readonly [name: string, value: string])[]): string {
  const escaped = (value: string) =>
    encodeURIComponent(value)
      .replace(/%7B(\w+)%7D/g, '{$1}')
      .replace(/%20/g, '+');
  return fields.map(([name, value]) => `${name}=${escaped(value)}`).join('&');
}

// Tokens.

/** The call with no token: answered by where to get one. The client reads that, and so do the calls after it. */
export function challenged(call: Call, scope?: string): Call {
  const parts = ['realm="http://{host}/v2/token"', 'service="{host}"'];
  if (scope !== undefined) parts.push(`scope="${scope}"`);
  const { body, keep, ...unsent } = call;
  return {
    ...unsent,
    authorization: null,
    expect: { status: 401, headers: { 'WWW-Authenticate': `Bearer ${parts.join(',')}` } },
    keep: {
      realm: (answer) => new URL(parameterOf(answer, 'realm')).pathname,
      service: (answer) => encodeURIComponent(parameterOf(answer, 'service')),
    },
  };
}

function parameterOf({ headers }: Answer, name: string): string {
  const challenge = String(headers['www-authenticate']);
  return new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1] ?? '';
}

const issued: Pick<Call, 'expect' | 'keep'> = {
  expect: {
    status: 200,
    headers: { 'Content-Type': 'application/json' },
    also: (answer) => {
      const { token, access_token } = JSON.parse(String(answer.body));
      assert.equal(token, access_token);
      assert.ok(token.length > 0, 'the token is empty');
    },
  },
  keep: { token: (answer) => JSON.parse(String(answer.body)).token },
};

/** GET at the realm. @param authorization `Basic {basic}`, or null of who has no credentials */
export function tokenByGet(
  fields: Parameters<typeof formOf>[0],
  authorization: string | null = 'Basic {basic}',
): Call {
  return { method: 'GET', path: `{realm}?${formOf(fields)}`, authorization, ...issued };
}

/** POST at the realm, with no Authorization header. */
export function tokenByForm(
  fields: Parameters<typeof formOf>[0],
  headers: Readonly<Record<string, string>> = {},
): Call {
  return {
    method: 'POST',
    path: '{realm}',
    authorization: null,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
    body: formOf(fields),
    ...issued,
  };
}

/** With the token that was got last. */
export function bearing(calls: readonly Call[]): Call[] {
  return calls.map((call) => ({ ...call, authorization: 'Bearer {token}' }));
}

// What is asked for.

export const ping: Call = { method: 'GET', path: '/v2/', expect: { status: 200 } };

export function headBlob(name: string, { bytes, digest }: Content, status: 200 | 404): Call {
  return {
    method: 'HEAD',
    path: `/v2/${name}/blobs/${digest}`,
    expect: status === 404 ? { status } : { status, headers: sized(bytes, digest) },
  };
}

export function getBlob(name: string, { bytes, digest }: Content): Call {
  return {
    method: 'GET',
    path: `/v2/${name}/blobs/${digest}`,
    expect: { status: 200, headers: sized(bytes, digest), body: bytes },
  };
}

export function headManifest(name: string, reference: string, manifest?: Content): Call {
  const expect: Expectation =
    manifest === undefined
      ? { status: 404 }
      : { status: 200, headers: sized(manifest.bytes, manifest.digest, manifest.mediaType) };
  return { method: 'HEAD', path: `/v2/${name}/manifests/${reference}`, expect };
}

export function getManifest(name: string, reference: string, manifest: Content): Call {
  const { bytes, digest, mediaType } = manifest;
  return {
    method: 'GET',
    path: `/v2/${name}/manifests/${reference}`,
    expect: { status: 200, headers: sized(bytes, digest, mediaType), body: bytes },
  };
}

/** No client asks for the bytes to be encoded on the way, and some can take no other than were pushed. */
function sized(bytes: Uint8Array, digest: string, mediaType = 'application/octet-stream') {
  return {
    'Content-Length': String(bytes.length),
    'Content-Type': mediaType,
    'Content-Encoding': undefined,
    'Docker-Content-Digest': digest,
  };
}

// What is pushed.

/** Opens a session, which the next calls reach as `{upload}`. */
export function post(name: string, headers: Readonly<Record<string, string>> = {}): Call {
  return {
    method: 'POST',
    path: `/v2/${name}/blobs/uploads/`,
    headers: { 'Content-Length': '0', ...headers },
    expect: { status: 202, headers: { 'Docker-Upload-UUID': /^[0-9a-f-]{36}$/ } },
    keep: { upload: 'Location' },
  };
}

/** The whole blob at once: chunked with no length, or with one. */
export function patch(
  { bytes }: Content,
  { chunked, headers = {} }: { chunked: boolean; headers?: Readonly<Record<string, string>> },
): Call {
  const middle = Math.floor(bytes.length / 2);
  return {
    method: 'PATCH',
    path: '{upload}',
    headers: { ...headers, ...(chunked ? {} : { 'Content-Length': String(bytes.length) }) },
    body: chunked ? [bytes.subarray(0, middle), bytes.subarray(middle)] : bytes,
    expect: { status: 202, headers: { Range: `0-${bytes.length - 1}` } },
    keep: { upload: 'Location' },
  };
}

/** Closes a session, with nothing more or with the whole blob. */
export function put(
  { digest }: Content,
  headers: Readonly<Record<string, string>> = {},
  body: Uint8Array = Buffer.alloc(0),
): Call {
  return {
    method: 'PUT',
    path: `{upload}&digest=${encodeURIComponent(digest)}`,
    headers: { 'Content-Length': String(body.length), ...headers },
    body,
    expect: { status: 201, headers: { 'Docker-Content-Digest': digest } },
  };
}

export function putManifest(name: string, reference: string, manifest: Manifest): Call {
  return {
    method: 'PUT',
    path: `/v2/${name}/manifests/${reference}`,
    headers: {
      'Content-Type': manifest.mediaType,
      'Content-Length': String(manifest.bytes.length),
    },
    body: manifest.bytes,
    expect: { status: 201, headers: { 'Docker-Content-Digest': manifest.digest } },
  };
}

/** @param order of what the query says, as the client has it */
export function mount(
  name: string,
  source: string,
  { digest }: Content,
  order: readonly ('from' | 'mount' | 'origin')[],
): Call {
  const said = { from: source, mount: digest, origin: '{service}' };
  return {
    method: 'POST',
    path: `/v2/${name}/blobs/uploads/?${formOf(order.map((word) => [word, said[word]]))}`,
    headers: { 'Content-Length': '0' },
    expect: {
      status: 201,
      headers: { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest },
    },
  };
}

/** The same call, with more headers. */
export function carrying(headers: CallHeaders, call: Call): Call {
  return { ...call, headers: { ...call.headers, ...headers } };
}

/** Every kind of manifest under a tag of its own, looked for and pulled by that and by its digest. */
export function everyKind(name: string, accept: CallHeaders): { push: Call[]; pull: Call[] } {
  const image = imageManifest();
  const dockerImage = dockerManifest();
  const kinds = {
    oci: image,
    'schema-2': dockerImage,
    index: imageIndex([image, dockerImage]),
    list: dockerManifestList([dockerImage]),
  };
  const all = Object.entries(kinds);
  const blobs = [image, dockerImage].flatMap((manifest) => manifest.blobs);
  return {
    push: [
      ...blobs.flatMap((blob) => [post(name), put(blob, {}, blob.bytes)]),
      ...all.map(([tag, manifest]) => putManifest(name, tag, manifest)),
    ],
    pull: all
      .flatMap(([tag, manifest]) =>
        [tag, manifest.digest].flatMap((reference) => [
          headManifest(name, reference, manifest),
          getManifest(name, reference, manifest),
        ]),
      )
      .map((call) => carrying(accept, call)),
  };
}

// What is said in the same words by several.

export const octets = { 'Content-Type': 'application/octet-stream' };
export const service = ['service', '{service}'] as const;

export function scopeOf(name: string, actions: string) {
  return ['scope', `repository:${name}:${actions}`] as const;
}

/** docker's login, which is given what it keeps in place of the password: `{refresh}`. */
export function loggedIn(account: readonly [string, string]): Call[] {
  const asked = [['client_id', 'docker'], ['offline_token', 'true'], service] as const;
  const call = tokenByGet([account, ...asked]);
  const refresh = (answer: Answer) => JSON.parse(String(answer.body)).refresh_token;
  return [challenged(ping), { ...call, keep: { ...call.keep, refresh } }, ...bearing([ping])];
}

/** Who shows what is no refresh token (any more) is to log in again. */
export function refusedRefresh(call: Call): Call {
  return { ...call, expect: { status: 401, code: 'UNAUTHORIZED', message: /log in/ }, keep: {} };
}

/** The list of tags of a repository with one. @param query how many are asked for */
export function listTags(name: string, query: string): Call {
  return {
    method: 'GET',
    path: `/v2/${name}/tags/list${query}`,
    expect: { status: 200, has: { name, tags: ['v1'] }, headers: { Link: undefined } },
  };
}

/** The list of repositories, with one in it. @param query how many are asked for */
export function catalog(name: string, query: string): Call {
  return {
    method: 'GET',
    path: `/v2/_catalog${query}`,
    expect: {
      status: 200,
      headers: { Link: undefined },
      also: (answer) => {
        assert.ok(JSON.parse(String(answer.body)).repositories.includes(name));
      },
    },
  };
}

export function deleteManifest(name: string, digest: string): Call {
  return {
    method: 'DELETE',
    path: `/v2/${name}/manifests/${digest}`,
    expect: { status: 202 },
  };
}
