// The SDKs in what is deployed: each a file of its own, which is read when a function first needs it.

import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';
import { onlyMethods } from './proto-definitions.ts';

interface Chunk {
  /** Of its packages, what our code uses. */
  readonly exports: string;
  readonly packages: readonly string[];
}

export const chunks: Readonly<Record<string, Chunk>> = {
  firestore: {
    packages: ['@google-cloud/firestore'],
    exports: `export * from '@google-cloud/firestore'`,
  },
  storage: {
    packages: ['@google-cloud/storage', 'google-auth-library'],
    exports: `export * from '@google-cloud/storage';
      export { PassThroughClient } from 'google-auth-library'`,
  },
  pubsub: {
    packages: ['@google-cloud/pubsub'],
    exports: `export { PubSub, v1 } from '@google-cloud/pubsub'`,
  },
  'hash-wasm': {
    packages: ['hash-wasm'],
    exports: `export { createCRC32, createSHA256, createSHA512 } from 'hash-wasm'`,
  },
};

/** Has our code load the chunks instead of the packages. */
export const chunksApart: Plugin = {
  name: 'chunks-apart',
  setup(build) {
    const chunkOf = new Map(
      Object.entries(chunks).flatMap(([name, { packages }]) =>
        packages.map((one) => [one, name] as const),
      ),
    );
    build.onResolve({ filter: /^[a-z@]/ }, ({ path }) => {
      const chunk = chunkOf.get(path);
      return chunk === undefined ? undefined : { path: `./${chunk}.cjs`, external: true };
    });
  },
};

/** What our adapter has Firestore do. */
const called = ['BatchGetDocuments', 'RunQuery', 'BeginTransaction', 'Commit', 'Rollback'];

/**
 * Files of the Firestore SDK (9.4.1) that take time at its first call and that Berth has no use for, and what stands in
 * their place: with all of them that call took twice as long. What is not there fails where it is called.
 */
const slimmed: Readonly<Record<string, (source: string) => string>> = {
  // A database's client makes one that knows of places where databases may be, and compiles its messages.
  'google-gax/build/src/locationService.js': () =>
    'exports.LocationsClient = class { async close() {} }',
  '@google-cloud/firestore-api/build/src/v1/firestore_admin_client.js': () =>
    'exports.FirestoreAdminClient = class {}',
  // The messages once more, as code: 3 MB, of which pipelines alone use any.
  '@google-cloud/firestore/build/protos/firestore_v1_proto_api.js': () =>
    'exports.google = { firestore: { v1: {} } }',
  '@google-cloud/firestore-api/build/protos/protos.js': () => '',
  'google-gax/build/protos/iam_service.js': () => '',
  'google-gax/build/protos/locations.js': () => '',
  'google-gax/build/protos/operations.js': () => '',
  // Of every message a description, for whoever asks a client what it speaks.
  'protobufjs/ext/descriptor/index.js': () => `
    const { Enum, Root, Type } = require('protobufjs');
    Root.prototype.toDescriptor = () => ({ file: [] });
    Enum.prototype.toDescriptor = Type.prototype.toDescriptor = () => ({ $type: { toObject: () => ({}) } });`,
  // The messages of all that a database can be asked, and of its administration.
  '@google-cloud/firestore-api/build/protos/protos.json': (source) =>
    JSON.stringify(onlyMethods(JSON.parse(source), 'google.firestore.v1.Firestore', called)),
};

/** Leaves out of an SDK what Berth has no use for. Fails the bundling when the SDK no longer has one of these files. */
export function slim(): Plugin {
  const left = new Set(Object.keys(slimmed));
  return {
    name: 'slim',
    setup(build) {
      build.onLoad({ filter: /\/node_modules\/.*\.js(on)?$/ }, async ({ path }) => {
        const file = path.slice(path.lastIndexOf('/node_modules/') + '/node_modules/'.length);
        const replace = slimmed[file];
        if (replace === undefined) return undefined;
        left.delete(file);
        const contents = replace(await readFile(path, 'utf8'));
        return { contents, loader: file.endsWith('.json') ? 'json' : 'js' };
      });
      build.onEnd(() => ({
        errors: [...left].map((file) => ({ text: `${file} is not in the SDK any more` })),
      }));
    },
  };
}
