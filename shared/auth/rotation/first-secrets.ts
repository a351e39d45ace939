// What a registry in the cloud is given beside its keys, made when it is set up and by no schedule later.

import type { SecretVersions } from '../../ports/secret-versions.ts';
import { newSecret, sha256 } from '../secrets.ts';

/**
 * Makes the password of the user `admin`, and what functions know it by, where nobody has made one; and says that there is
 * no login at any upstream, where nobody said so.
 * @returns the secrets that have a version now and had none
 */
export async function makeFirstSecrets(secrets: SecretVersions): Promise<readonly string[]> {
  const made: string[] = [];
  const add = async (name: string, text: string) => {
    await secrets.add(name, text);
    made.push(name);
  };
  // Somebody may have chosen a password, and told but its hash.
  if ((await secrets.newest('admin-hash')) === undefined) {
    if ((await secrets.newest('admin-password')) === undefined) {
      await add('admin-password', newSecret());
    }
    const password = await secrets.newest('admin-password');
    if (password === undefined) throw new Error('the secret admin-password has gone');
    await add('admin-hash', `sha256:${sha256(password.text)}`);
  }
  if ((await secrets.newest('mirror-credentials')) === undefined) {
    await add('mirror-credentials', '{}');
  }
  return made;
}
