// A registry's project in the cloud, as the commands about its keys are told it.

import type { ParseArgsConfig } from 'node:util';
import { functionSettings } from '#functions/settings.ts';
import type { KeyStores } from '#shared/auth/rotation/key-stores.ts';
import { openAccountHmacKeys } from '#shared/google/account-hmac-keys.ts';
import { openSecretManager } from '#shared/google/secret-manager.ts';
import { systemClock } from '#shared/ports/clock.ts';
import { type Environment, settingsReader } from '#shared/settings.ts';

/** The flags by which it is told. */
export const projectOptions = {
  project: { type: 'string' },
  'url-account': { type: 'string' },
} as const satisfies ParseArgsConfig['options'];

export interface ProjectFlags {
  readonly project?: string | undefined;
  readonly 'url-account'?: string | undefined;
}

/**
 * Opens what keys are kept in, by the credentials of whoever runs the command; nothing is asked yet.
 * @throws Error that names the flag that is missing or wrong
 */
export function openKeyStores(flags: ProjectFlags, environment: Environment): KeyStores {
  const read = settingsReader(functionSettings, {
    BERTH_GOOGLE_STAND_IN: environment['BERTH_GOOGLE_STAND_IN'],
    GOOGLE_CLOUD_PROJECT: given(flags, 'project', 'the id of the Google Cloud project'),
    BERTH_URL_ACCOUNT: given(
      flags,
      'url-account',
      'the e-mail address of the service account that signs addresses, as Terraform made it',
    ),
  });
  const projectId = read('GOOGLE_CLOUD_PROJECT');
  const account = read('BERTH_URL_ACCOUNT');
  const options = {
    projectId,
    quotaProject: projectId,
    standIn: read('BERTH_GOOGLE_STAND_IN'),
    clock: systemClock,
  };
  return {
    secrets: openSecretManager(options),
    urlKeys: openAccountHmacKeys({ ...options, account }),
    clock: systemClock,
  };
}

function given(flags: ProjectFlags, name: keyof ProjectFlags, what: string): string {
  const value = flags[name];
  if (value !== undefined && value !== '') return value;
  throw new Error(`--${name} is missing: ${what}`);
}
