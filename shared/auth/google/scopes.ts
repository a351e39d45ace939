// What the OAuth scopes of a Google token let it do here: what they would let it do with Cloud Storage, as at gcr.io. A
// token that was made to tell a web page who somebody is opens no registry.

const prefix = 'https://www.googleapis.com/auth/';

const mayAll: ReadonlySet<string> = new Set([
  `${prefix}devstorage.read_write`,
  `${prefix}devstorage.full_control`,
  `${prefix}cloud-platform`,
]);

const mayPull: ReadonlySet<string> = new Set([
  `${prefix}devstorage.read_only`,
  `${prefix}cloud-platform.read-only`,
]);

/** What a service account's key may be signed for: all that its account may do with Cloud Storage. */
export const fullScope = `${prefix}devstorage.full_control`;

/** @param scopes separated by spaces (RFC 6749, section 3.3); `undefined` comes out when none of them is of use here */
export function rightsOfScopes(scopes: string): 'all' | 'pull' | undefined {
  const held = scopes.split(' ');
  if (held.some((scope) => mayAll.has(scope))) return 'all';
  return held.some((scope) => mayPull.has(scope)) ? 'pull' : undefined;
}
