// The subject token of workload identity federation: what another cloud, or a cluster, says of who runs here.

import { isThisMachine } from './address.ts';
import { Failure } from './failure.ts';
import { ask } from './http.ts';
import { asRecord, asText, parseJson } from './json-values.ts';
import { readSmallFile } from './private-file.ts';

type Values = Readonly<Record<string, unknown>>;

const bytesMax = 64 * 1024;

/**
 * Reads the token from where the `credential_source` of an `external_account` file says: a file or a URL.
 * @param path the file that says so, for messages
 */
export async function readSubjectToken(source: Values, path: string): Promise<string> {
  const [file, url] = [asText(source['file']), asText(source['url'])];
  const isOther = ['environment_id', 'executable', 'certificate'].some((name) => name in source);
  if (isOther || (file === undefined && url === undefined)) {
    throw new Failure(
      `${path} has a credential_source that is not known: those with file and url are. gcloud knows the others: docker-credential-berth config --token-source=store,gcloud`,
    );
  }
  const text = file === undefined ? await fetched(source, url ?? '') : await read(file);
  return tokenIn(text.trim(), asRecord(source['format']), file ?? url ?? path);
}

async function read(file: string): Promise<string> {
  const text = await readSmallFile(file, bytesMax);
  if (text === undefined) throw new Failure(`${file} is not there: it should hold a subject token`);
  return text;
}

async function fetched(source: Values, text: string): Promise<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Another cloud's metadata server has this address, and speaks no https.
  const isNear =
    url !== undefined && (isThisMachine(url.host) || url.hostname === '169.254.169.254');
  if (url === undefined || !(url.protocol === 'https:' || (url.protocol === 'http:' && isNear))) {
    throw new Failure('the url of a credential_source must be https, or a metadata server');
  }
  const headers = Object.entries(asRecord(source['headers'])).flatMap(([name, value]) => {
    const one = asText(value);
    return one === undefined ? [] : [[name, one] as const];
  });
  const answer = await ask(url, { headers: Object.fromEntries(headers), bytesMax });
  if (answer.status !== 200) {
    throw new Failure(`${url.host} answered ${answer.status} to who asked for a subject token`);
  }
  return answer.text;
}

function tokenIn(text: string, format: Values, from: string): string {
  const isJson = format['type'] === 'json';
  const field = asText(format['subject_token_field_name']) ?? '';
  const token = isJson ? asText(asRecord(parseJson(text))[field]) : asText(text);
  if (token === undefined) {
    throw new Failure(`${from} holds no subject token${isJson ? ` in its field ${field}` : ''}`);
  }
  return token;
}
