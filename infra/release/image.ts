// The image of the streaming services, built by Cloud Build: nobody who releases needs docker.

import { copyFile, cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { targetNames, targets } from '#functions/targets.ts';
import { Failure } from './failure.ts';
import { ask } from './programs.ts';
import type { Store } from './release.ts';

const root = join(import.meta.dirname, '../..');
const timeoutMs = 30 * 60_000;

/**
 * Builds and pushes it.
 * @param dist what `npm run bundle` filled
 * @param name of the image, without tag and digest
 * @param account the e-mail address of the service account that builds
 * @returns its name with its digest
 */
export async function buildImage(
  store: Store,
  dist: string,
  { name, tag, account }: { readonly name: string; readonly tag: string; readonly account: string },
): Promise<string> {
  const context = await mkdtemp(join(tmpdir(), 'berth-image-'));
  try {
    await copyFile(join(root, 'infra/image/Dockerfile'), join(context, 'Dockerfile'));
    const streaming = targetNames.filter((target) => targets[target].host === 'streaming');
    for (const target of streaming) {
      await cp(join(dist, target), join(context, target), { recursive: true });
    }
    const substitutions = { _IMAGE: `${name}:${tag}`, _NODE_VERSION: await nodeVersion() };
    const digest = await ask(
      'gcloud',
      [
        ...['builds', 'submit', context],
        `--project=${store.project}`,
        `--config=${join(import.meta.dirname, 'image.yaml')}`,
        `--gcs-source-staging-dir=gs://${store.bucket}/source`,
        `--service-account=projects/${store.project}/serviceAccounts/${account}`,
        `--substitutions=${Object.entries(substitutions)
          .map(([key, value]) => `${key}=${value}`)
          .join(',')}`,
        // gcloud shows no logs of Cloud Logging; it says where they are.
        '--suppress-logs',
        '--format=value(results.images[0].digest)',
      ],
      { timeoutMs, isHeard: true },
    );
    if (/^sha256:[0-9a-f]{64}$/.test(digest.trim())) return `${name}@${digest.trim()}`;
    throw new Failure(`Cloud Build told no digest of the image that it built: ${digest.trim()}`);
  } finally {
    await rm(context, { recursive: true });
  }
}

/** The Node that bundled: what V8 compiled is no other's. */
async function nodeVersion(): Promise<string> {
  const { devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    devDependencies: { node: string };
  };
  return devDependencies.node;
}
