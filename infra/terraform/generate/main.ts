// `npm run terraform`: writes down for Terraform what the code says, so that it is said once. (Biome lays it out.)

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generated } from './files.ts';

for (const [file, value] of Object.entries(generated)) {
  await writeFile(join(import.meta.dirname, '..', file), textOf(value));
}

function textOf(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
