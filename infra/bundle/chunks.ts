// The SDKs in what is deployed: each a file of its own, which is read when a function first needs it.

import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';
import { methodsCalled } from '#shared/google/firestore-time.ts';
import { onlyMethods } from './proto-definitions.ts';

/** File → the packages in it. */
export const chunks: Readonly<Record<string, readonly string[]>> = {
  firestore: ['@google-cloud/firestore'],
  // Storage is given a client of the other's.
  storage: ['@google-cloud/storage', 'google-auth-library'],
  pubsub: ['@google-cloud/pubsub'],
  'hash-wasm': ['hash-wasm'],
};

/** Has our code load the chunks instead of the packages. */
export const chunksApart: Plugin = {
  name: 'chunks-apart',
  setup(build) {
    build.onResolve({ filter: /^[a-z@]/ }, ({ path }) => {
      const chunk = Object.keys(chunks).find((name) => chunks[name]?.includes(path));
      return chunk === undefined ? undefined : { path: `./${chunk}.cjs`, external: true };
    });
  },
};

/**
 * Files of the Firestore SDK (9.4.1) that take time at its first call and that Berth has no use for, and what stands in
 * their place. With them that call needs more than twice the time. What is not there fails where it is called.
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
    JSON.stringify(onlyMethods(JSON.parse(source), 'google.firestore.v1.Firestore', methodsCalled)),
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
