// gcloud's own login, asked of gcloud.

import { execFile } from 'node:child_process';
import { Failure } from './failure.ts';
import { errorCode } from './private-file.ts';

const parameters = ['auth', 'print-access-token'];
const timeoutMs = 60_000;

/** @returns an access token; `undefined` where there is no gcloud @throws Failure where it has none to give */
export function askGcloud(): Promise<string | undefined> {
  // gcloud is a script there, which only a shell runs. Nothing of what it is told comes from anybody.
  const [command, given] =
    process.platform === 'win32'
      ? ['cmd.exe', ['/d', '/s', '/c', 'gcloud', ...parameters]]
      : ['gcloud', parameters];
  return new Promise((resolve, reject) => {
    execFile(command, given, { timeout: timeoutMs, maxBuffer: 64 * 1024 }, (error, stdout) => {
      const token = stdout.trim();
      if (error !== null && errorCode(error) === 'ENOENT') resolve(undefined);
      else if (error !== null || !/^[\x21-\x7e]+$/.test(token)) {
        reject(new Failure('gcloud has no access token to give: gcloud auth login'));
      } else resolve(token);
    });
  });
}
