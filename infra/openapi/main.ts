// `npm run openapi`: writes down what there is of the admin API, where the function that serves it finds it.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openApiText } from './document.ts';

await writeFile(join(import.meta.dirname, '../../functions/admin/openapi.json'), openApiText());
