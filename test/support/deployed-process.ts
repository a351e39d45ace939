// What `npm run start:google` serves, of what is deployed (deployed.ts): `deployed-process.ts <directory>`.

import { serveFunctions } from '#infra/local/google.ts';
import { told } from '#infra/told.ts';
import { deployedCommands } from './deployed.ts';

const [directory = ''] = process.argv.slice(2);
await told(async () => serveFunctions(await deployedCommands(directory)));
