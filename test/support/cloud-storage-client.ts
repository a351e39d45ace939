// A stand-in of a test file's own, and ways to ask it: with the SDK, and with requests that the SDK would not send.

import { after, before } from 'node:test';
import { type Bucket, CRC32C, type File, type FileMetadata, Storage } from '@google-cloud/storage';
import {
  type CloudStorage,
  type CloudStorageOptions,
  startCloudStorage,
} from './cloud-storage/server.ts';

export const createOnly = { ifGenerationMatch: 0 };

/** A generation that no object has. */
export const goneGeneration = '1000000000000000';

/** The SDK as a program has it, but that it tries once: what the stand-in says is what the test sees. */
export function storageOn(url: string): Storage {
  const retryOptions = { autoRetry: false };
  return new Storage({ apiEndpoint: url, projectId: 'a-project', retryOptions });
}

export interface Stored {
  readonly file: File;
  readonly name: string;
  readonly generation: string;
  readonly metadata: FileMetadata;
}

export interface CloudStorageClient {
  readonly server: CloudStorage;
  /** The SDK's, of `the-blobs` when no name is given. */
  bucket(name?: string): Bucket;
  newName(): string;
  /** An object in `the-blobs`, under a new name when none is given. */
  store(bytes: string | Buffer, name?: string): Promise<Stored>;
  /** Asks the JSON API about an object. */
  ask(
    name: string,
    query?: string,
    init?: RequestInit & { readonly bucket?: string },
  ): Promise<Response>;
  /** All of an object, or `undefined`. (The SDK has a stream for this that warns when bytes come in several pieces.) */
  read(name: string, bucket?: string): Promise<Buffer | undefined>;
}

/** Starts a stand-in before the tests of a file, with buckets `the-blobs` and `the-staging`, and ends it after them. */
export function useCloudStorage(options: CloudStorageOptions = {}): CloudStorageClient {
  let server: CloudStorage | undefined;
  let names = 0;
  before(async () => {
    const buckets = { 'the-blobs': {}, 'the-staging': {} };
    server = await startCloudStorage({ buckets, ...options });
  });
  after(() => server?.close());
  const client: CloudStorageClient = {
    get server() {
      if (server === undefined) throw new Error('there is a server in tests only');
      return server;
    },
    bucket: (name = 'the-blobs') => storageOn(client.server.url).bucket(name),
    newName: () => {
      names += 1;
      return `objects/${names}`;
    },
    store: async (bytes, name = client.newName()) => {
      const file = client.bucket().file(name);
      await file.save(bytes, { resumable: false, validation: false });
      const [metadata] = await file.getMetadata();
      return { file, name, generation: String(metadata.generation), metadata };
    },
    ask: (name, query = '', { bucket = 'the-blobs', ...init } = {}) => {
      const path = `/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}`;
      return fetch(`${client.server.url}${path}?${query}`, init);
    },
    read: async (name, bucket = 'the-blobs') => {
      const answer = await client.ask(name, 'alt=media', { bucket });
      return answer.status === 404 ? undefined : Buffer.from(await answer.arrayBuffer());
    },
  };
  return client;
}

/** As the API has it, base64. */
export function crc32cOf(bytes: Buffer): string {
  const crc32c = new CRC32C();
  crc32c.update(bytes);
  return crc32c.toString();
}
