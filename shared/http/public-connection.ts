// Connections to addresses that a stranger wrote: an issuer's, or where an upstream of a mirror sends us. None may lead this
// process to where a stranger could not go. The addresses are looked at when the connection is made, so that a name
// cannot have one for the check and another for the connection (DNS rebinding).

import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { isPublicAddress, isPublicHostname } from './public-addresses.ts';

/** What names are resolved by, and which addresses are the internet's. */
export interface Network {
  resolve(hostname: string): Promise<readonly LookupAddress[]>;
  isPublic(address: string): boolean;
}

export const internet: Network = {
  resolve: (hostname) => lookup(hostname, { all: true }),
  isPublic: isPublicAddress,
};

const notPublic = 'its address is not one of the public internet';

/**
 * Why nothing is asked of a URL, in few words; `undefined` when it may be. What its name resolves to is looked at later
 * ({@link lookUpFor}); an address in a URL is never looked up, so it is refused here.
 * @param isPrivate the operator named it: http and any address will do
 */
export function urlFault(url: URL, isPrivate: boolean): string | undefined {
  if (url.protocol !== 'https:' && !(isPrivate && url.protocol === 'http:')) {
    return 'its URL does not begin with https://';
  }
  if (url.username !== '' || url.password !== '') return 'its URL has a user name';
  return isPrivate || isPublicHostname(url.hostname) ? undefined : notPublic;
}

/** The look-up for connections. Every address must be the internet's: with one that is not, the name is not a stranger's to give. */
export function lookUpFor(network: Network, isPrivate: boolean): LookupFunction {
  return (hostname, { all }, answer) => {
    network.resolve(hostname).then(
      (addresses) => {
        const [first] = addresses;
        const fits = isPrivate || addresses.every(({ address }) => network.isPublic(address));
        if (first === undefined) answer(new Error('its name has no address'), []);
        else if (!fits) answer(new Error(notPublic), []);
        else if (all === true) answer(null, [...addresses]);
        else answer(null, first.address, first.family);
      },
      (error: Error) => answer(error, []),
    );
  };
}
