// Where a request comes from, as far as somebody whom we trust has said so.

import { isIPv4, isIPv6 } from 'node:net';
import type { Incoming } from './message.ts';

/** What an address is called that nobody has told. */
export const unknownAddress = 'unknown';

/**
 * The client's address.
 *
 * Each proxy appends to `X-Forwarded-For` whom it was asked by; what stands before is the client's own word. So with n
 * entries that trusted proxies append, the client is the nth from the right. Google's external load balancer appends
 * two: `<supplied-value>,<client-ip>,<load-balancer-ip>`. Who came past the proxies has fewer entries than promised, of
 * which he may have written each: then it is who is at the other end of the connection.
 *
 * @param proxies how many entries trusted proxies append; 0 where clients connect to this process
 * @returns an IPv4 address, an IPv6 address as RFC 5952 writes it, or {@link unknownAddress}
 */
export function clientAddress({ headers, socket }: Incoming, proxies: number): string {
  if (proxies > 0) {
    const forwarded = headers['x-forwarded-for'];
    // One text, in the order of the fields: node:http joins them, and so does HTTP/2.
    const entry = forwarded === undefined ? undefined : entryFromRight(String(forwarded), proxies);
    if (entry !== undefined) return normalAddress(entry);
  }
  return normalAddress(socket?.remoteAddress ?? '');
}

/** What one host, or one household, calls its own: an IPv4 address, and of IPv6 the /64 that providers give out. */
export function networkOf(address: string): string {
  const groups = address.includes(':') ? groupsOf(address) : undefined;
  if (groups === undefined) return address;
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** The nth entry of a list from its end; `undefined` when there are fewer. Looks at no more than those. */
function entryFromRight(list: string, n: number): string | undefined {
  let end = list.length;
  for (let at = 1; ; at += 1) {
    const comma = end === 0 ? -1 : list.lastIndexOf(',', end - 1);
    if (at === n) return list.slice(comma + 1, end).trim();
    if (comma === -1) return undefined;
    end = comma;
  }
}

/** One address is written in one way: without a port, brackets or zone, IPv4 never within IPv6. */
export function normalAddress(text: string): string {
  if (isIPv4(text)) return text;
  // As a socket says it that listens on both.
  if (text.startsWith('::ffff:') && isIPv4(text.slice(7))) return text.slice(7);
  const host =
    withPort
      .exec(text)
      ?.slice(1)
      .find((part) => part !== undefined) ?? text;
  if (isIPv4(host)) return host;
  const groups = groupsOf(host);
  if (groups === undefined) return unknownAddress;
  const [high = 0, low = 0] = groups.slice(6);
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  return isMapped ? [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.') : formatGroups(groups);
}

/** Brackets, with a port or without, or one address that is no IPv6 and a port. */
const withPort = /^\[([^\]]*)\](?::\d{1,5})?$|^([^:]*):\d{1,5}$/;

/** The eight groups of an IPv6 address; `undefined` when it is none. */
function groupsOf(text: string): number[] | undefined {
  const [address = ''] = text.split('%', 1);
  if (!isIPv6(address)) return undefined;
  const dotted = /[\d.]+$/.exec(address)?.[0] ?? '';
  const hex = dotted.includes('.')
    ? address.slice(0, -dotted.length) + hexOf(dotted.split('.').map(Number))
    : address;
  const [before = '', after] = hex.split('::');
  const read = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  if (after === undefined) return read(before);
  const [head, tail] = [read(before), read(after)];
  return [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

function hexOf([a = 0, b = 0, c = 0, d = 0]: readonly number[]): string {
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** RFC 5952 section 4: the first of the longest runs of two zeros and more is left out. */
function formatGroups(groups: readonly number[]): string {
  const text = groups.map((group) => group.toString(16)).join(':');
  const runs = [...text.matchAll(/(?<![0-9a-f])0(?::0)+(?![0-9a-f])/g)];
  const [longest] = runs.sort((one, other) => other[0].length - one[0].length);
  if (longest === undefined) return text;
  const before = text.slice(0, Math.max(0, longest.index - 1));
  const after = text.slice(longest.index + longest[0].length + 1);
  return `${before}::${after}`;
}
