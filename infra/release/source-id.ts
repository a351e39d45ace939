// What a release is named by: all that it is made of. Terraform computes the same (modules/release), to know whether there
// is something to be made; a test has both of them compute it.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Where everything lies that ends up in what is deployed. */
const folders = ['functions', 'shared', 'infra/bundle', 'infra/image'];
const files = ['package.json', 'package-lock.json'];

/**
 * The SHA-256, in hex, over a line `<path> <SHA-256 of the file>` for each file, in the order of the paths.
 * @param root the checkout
 */
export function sourceId(root: string): string {
  const paths: string[] = [
    ...files,
    ...folders.flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .map((path) => `${folder}/${path}`)
        .filter((path) => statSync(join(root, path)).isFile()),
    ),
  ];
  // As Terraform sorts: by bytes.
  paths.sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  return sha256(
    paths.map((path) => `${path} ${sha256(readFileSync(join(root, path)))}\n`).join(''),
  );
}

/** In hex. */
export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
