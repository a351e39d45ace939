// A registry with a mirror of an upstream that the tests start, and pulls from it.

import assert from 'node:assert/strict';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { startGateway } from '#infra/local/gateway.ts';
import { Mirror, type MirrorOptions, type MirrorSettings } from '#shared/mirror/mirror.ts';
import { startTestRegistry, type TestRegistry } from '#test/support/registry.ts';
import { type FaultyUpstream, startUpstream } from './upstream.ts';

/** The host that is a mirror, in requests to the registry's port. */
export const mirrorHost = 'mirror.test';

export interface Pulled {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface PullOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface MirrorInTest {
  readonly upstream: FaultyUpstream;
  readonly registry: TestRegistry;
  readonly settings: MirrorSettings;
  /** Asks the mirror. Rejects when the answer breaks off. */
  pull(path: string, options?: PullOptions): Promise<Pulled>;
  /** Asks, and gives the answer once it begins. */
  begin(path: string, options?: PullOptions): Promise<IncomingMessage>;
  /** Another instance over the same store, or one in front of it. */
  another(store?: Partial<MirrorOptions['store']>): Promise<Pick<MirrorInTest, 'pull' | 'begin'>>;
  /** Resolves when so many blobs were stored. A client has its last byte a moment before. */
  stored(blobs: number): Promise<void>;
}

/** Gone with the test. */
export async function startMirror(
  t: TestContext,
  settings: Partial<MirrorSettings> = {},
): Promise<MirrorInTest> {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const mirror: MirrorSettings = {
    hosts: new Map([[mirrorHost, upstream.url]]),
    allowed: { any: false, named: new Map() },
    credentials: new Map(),
    login: false,
    freshSeconds: 600,
    keepDays: 30,
    bytesPerHour: 0,
    ...settings,
  };
  const registry = await startTestRegistry({ mirror });
  t.after(() => registry.close());
  return {
    upstream,
    registry,
    settings: mirror,
    ...pulling(registry.url),
    stored: (blobs) =>
      until(() => registry.logged.filter((line) => line.includes('"stored":true')).length >= blobs),
    another: async (over = {}) => {
      const { documents, blobs, clock } = registry.services;
      const store = { documents, blobs, clock, ...over };
      const services = {
        ...registry.services,
        ...store,
        mirror: new Mirror({ settings: mirror, store, log: registry.services.log }),
      };
      const gateway = await startGateway(services, { host: '127.0.0.1', port: 0 });
      t.after(() => gateway.stop());
      return pulling(`http://127.0.0.1:${gateway.port}`);
    },
  };
}

/** Asks a mirror that a registry is at a port. */
export function pulling(url: string, host = mirrorHost): Pick<MirrorInTest, 'pull' | 'begin'> {
  const { hostname, port } = new URL(url);
  const begin = (path: string, { method = 'GET', headers = {} }: PullOptions = {}) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const all = { Host: host, ...headers };
      request({ hostname, port, method, path, headers: all, agent: false }, resolve)
        .once('error', reject)
        .end();
    });
  return {
    begin,
    pull: async (path, options) => {
      const answer = await begin(path, options);
      const body = await buffer(answer);
      return { status: answer.statusCode ?? 0, headers: answer.headers, body };
    },
  };
}

/** Resolves when something is so, looking again whenever the event loop comes around. */
export async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, 'it never came to be so');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Whoever takes the promise waits until somebody opens it. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}
