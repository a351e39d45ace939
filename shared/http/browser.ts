// What a browser says of a request that no client of a registry does.
//
// Browsers keep a password that was typed for a page, and send it with every later request to this host, whoever's page
// made them ask. So what another site's page makes a browser send is refused, whatever path it is for: else it could
// change things in the name of who looks at it (cross-site request forgery), or find out what there is.

import type { IncomingHttpHeaders } from 'node:http';
import { RegistryError } from '../oci/errors.ts';
import type { HttpRequest } from './request.ts';

/**
 * Whether somebody asks for a page to look at: `text/html` is accepted by name, and it is not to be put into another page
 * (Fetch Metadata, `Sec-Fetch-Dest`). Clients of registries name what they take, or take anything.
 */
export function asksForPage(headers: IncomingHttpHeaders): boolean {
  const destination = headers['sec-fetch-dest'];
  if (destination !== undefined && destination !== 'document') return false;
  return (headers.accept ?? '').split(',').some((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return type === 'text/html' && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

/**
 * Lets through what no browser sent, what somebody opened in one, and what a page of this host asked for.
 * @throws RegistryError DENIED where a page of another site had it sent (Fetch Metadata, `Sec-Fetch-Site`; and where that is
 *   not said, as over plain HTTP, RFC 6454's `Origin` on what changes something)
 */
export function refuseFromElsewhere({ method, headers, host }: HttpRequest): void {
  const isRead = method === 'GET' || method === 'HEAD';
  const site = headers['sec-fetch-site'];
  const isAsked = site === undefined || site === 'same-origin' || site === 'none';
  const isOpened =
    headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  const { origin } = headers;
  const isOwn = isRead || origin === undefined || origin.replace(/^https?:\/\//, '') === host;
  if (isOwn && (isAsked || (isRead && isOpened))) return;
  throw new RegistryError('DENIED', {
    message: 'a page of another site may not have a browser ask this',
  });
}
