// Which addresses and names are of the internet, and which lead to where a stranger has no business: this machine,
// its network, the cloud's metadata server. IANA's registries of special-purpose addresses (RFC 6890).

import { BlockList, isIP } from 'node:net';

const special4 = [
  '0.0.0.0/8', // this network
  '10.0.0.0/8', // private (RFC 1918)
  '100.64.0.0/10', // a carrier's own (RFC 6598)
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local, and the clouds' metadata servers
  '172.16.0.0/12', // private
  '192.0.0.0/24', // the IETF's
  '192.0.2.0/24', // for examples
  '192.88.99.0/24', // 6to4 relays
  '192.168.0.0/16', // private
  '198.18.0.0/15', // for measuring
  '198.51.100.0/24', // for examples
  '203.0.113.0/24', // for examples
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and broadcast
] as const;

/** Of IPv6 only global unicast is the internet: not loopback, mapped IPv4, NAT64, unique local, link-local, multicast. */
const global6 = '2000::/3';
const special6 = [
  '2001::/23', // the IETF's, Teredo among them
  '2001:db8::/32', // for examples
  '2002::/16', // 6to4: an IPv4 address, whichever, inside
  '3fff::/20', // for examples
] as const;

/** Names that are of a network of one's own, with what ends so (RFC 6761, 6762, 8375, ICANN's .internal, and habit). */
const ownNames = [
  'localhost',
  'localdomain',
  'local',
  'internal',
  'intranet',
  'private',
  'corp',
  'home',
  'lan',
  'home.arpa',
] as const;

const special = blockList([...special4, ...special6]);
const global = blockList([global6]);

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    list.addSubnet(address, Number(bits), address.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** Whether an address, as a resolver writes it, is one of the internet. What is no address is not. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !special.check(address, 'ipv4');
  // A zone (`fe80::1%eth0`) is of this machine.
  if (version !== 6 || address.includes('%')) return false;
  return global.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

/**
 * Whether a host may be one of the internet by its name: no address, and no name of one's own network. What it
 * resolves to is another question ({@link isPublicAddress}).
 * @param hostname as `URL` gives it: lower-case, numbers that are addresses made such
 */
export function isPublicHostname(hostname: string): boolean {
  if (isIP(hostname) !== 0 || hostname.startsWith('[')) return false;
  if (!hostname.includes('.') || hostname.endsWith('.')) return false;
  return !ownNames.some((name) => hostname.endsWith(`.${name}`));
}
