// An issuer of ID tokens is a URL that the owner of a project wrote, so it is a stranger's. OpenID Connect
// Discovery 1.0, section 3: https, a host, perhaps a port and a path, neither query nor fragment.

import { isPublicHostname } from '../../http/public-addresses.ts';
import { issuerCharactersMax } from '../../oci/limits.ts';

/**
 * What is wrong with an issuer's URL, to be put after "issuer "; `undefined` when nothing is. Issuers are compared by their
 * characters, so there must be one way to write each: as `URL` does, but for the `/` of an empty path.
 * @param privateIssuers the operator's own, which may be http and in a private network
 */
export function issuerFault(
  issuer: string,
  privateIssuers: readonly string[] = [],
): string | undefined {
  if (issuer.length > issuerCharactersMax) {
    return `must be at most ${issuerCharactersMax} characters`;
  }
  const url = URL.parse(issuer);
  if (url === null) return 'must be a URL: https://host/path';
  if (privateIssuers.includes(issuer)) {
    return ['https:', 'http:'].includes(url.protocol) ? undefined : 'must begin with https://';
  }
  if (url.protocol !== 'https:') return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must have no user name and no password';
  if (issuer.includes('?') || issuer.includes('#')) return 'must have no query and no fragment';
  // Before how it is written: the host is the greater fault.
  if (!isPublicHostname(url.hostname)) {
    return 'must be at a name of the public internet; one of a private network is for the operator to allow (BERTH_PRIVATE_ISSUERS)';
  }
  if (url.href !== issuer && url.href !== `${issuer}/`) {
    return `must be written as its tokens have it, in the usual form: ${url.href.slice(0, issuerCharactersMax)}`;
  }
  return undefined;
}
