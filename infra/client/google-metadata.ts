// The metadata server: the credentials of the machine, pod or function that this runs on.

import { type Environment, variable } from './environment.ts';
import { Failure } from './failure.ts';
import { type Answer, ask } from './http.ts';
import { asRecord, parseJson } from './json-values.ts';

const flavor = 'Metadata-Flavor';
const headers = { [flavor]: 'Google' };
/** Elsewhere than at Google nobody has this address, and nothing says so. */
const probeMs = 1000;
const addressOfAll = '169.254.169.254';

/**
 * Asks the metadata server for an access token of the default service account.
 * @returns its answer; `undefined` where there is no metadata server, or it has no account
 */
export async function askMetadataServer(
  environment: Environment,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const text = await read(environment, 'instance/service-accounts/default/token');
  return text === undefined ? undefined : asRecord(parseJson(text));
}

/** Asks it which project this is. @returns `undefined` where there is no metadata server */
export function askMetadataProject(environment: Environment): Promise<string | undefined> {
  return read(environment, 'project/project-id');
}

async function read(environment: Environment, what: string): Promise<string | undefined> {
  const host = variable(environment, 'GCE_METADATA_HOST') ?? addressOfAll;
  const origin = `http://${host}`;
  if (!URL.canParse(origin)) throw new Failure('GCE_METADATA_HOST is no host');
  const probed = await ask(new URL('/', origin), { headers, timeoutMs: probeMs }).catch(
    (error: unknown) => {
      if (error instanceof Failure) return undefined;
      throw error;
    },
  );
  if (probed === undefined || !isGoogles(probed)) return undefined;
  const at = new URL(`/computeMetadata/v1/${what}`, origin);
  const answer = await ask(at, { headers, timeoutMs: 10_000 });
  if (!isGoogles(answer)) throw new Failure(`${host} is no metadata server`);
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) throw new Failure(`the metadata server answered ${answer.status}`);
  return answer.text;
}

/** Any other server that happens to have the address does not say this. */
function isGoogles(answer: Answer): boolean {
  return answer.headers.get(flavor) === 'Google';
}
