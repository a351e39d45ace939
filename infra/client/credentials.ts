// Credentials for a registry, from the sources that the settings name, in their order.

import type { Environment } from './environment.ts';
import { readSettings, type TokenSource } from './settings.ts';
import { type LoginKind, loginStore } from './store.ts';
import { version } from './version.ts';

export interface Credentials {
  readonly username: string;
  readonly kind: LoginKind;
  readonly secret: string;
  readonly source: TokenSource;
}

/** The username that an access token of Google's is sent with, in docker-credential-gcr's form. */
const googleUsername = `_dcgcr_${version.replaceAll(/[^0-9]+/g, '_')}_token`;

/**
 * The first credentials that there are. Google's are for registries that the user configured, and for no others: an
 * image's name can mention any host.
 * @param host as {@link hostOf} makes it
 */
export async function findCredentials(
  host: string,
  environment: Environment,
): Promise<Credentials | undefined> {
  const { tokenSources, registries } = await readSettings(environment);
  for (const source of tokenSources) {
    if (source === 'store') {
      const login = await loginStore(environment).find(host);
      if (login !== undefined) return { ...login, source };
    } else if (registries.includes(host)) {
      const secret = await googleToken(source, environment);
      if (secret !== undefined)
        return { username: googleUsername, kind: 'password', secret, source };
    }
  }
  return undefined;
}

/** Loaded when it is needed: Docker asks for a login much more often, and waits each time. */
async function googleToken(
  source: 'env' | 'gcloud',
  environment: Environment,
): Promise<string | undefined> {
  if (source === 'gcloud') return (await import('./gcloud.ts')).askGcloud();
  return (await import('./google-credentials.ts')).findGoogleToken(environment);
}
