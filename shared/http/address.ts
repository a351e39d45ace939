// Where a request comes from, as far as somebody whom we trust has said so.

import { isIPv4, isIPv6 } from 'node:net';
import type { Incoming } from './message.ts';

/** What an address is called that nobody has told. */
const unknownAddress = 'unknown';

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
  const [a = 0, b = 0, c = 0, d = 0] = groups;
  return `${a.toString(16)}:${b.toString(16)}:${c.toString(16)}:${d.toString(16)}::/64`;
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
  if (!isIPv6(text)) return undefined;
  const groups: number[] = [];
  /** Where the groups stand that `::` leaves out. */
  let gap = -1;
  let at = text.startsWith('::') ? 1 : 0;
  if (at === 1) gap = 0;
  for (let group = 0, isOpen = false; ; at += 1) {
    const code = text.charCodeAt(at);
    const digit = hexDigit(code);
    if (digit !== -1) {
      group = group * 16 + digit;
      isOpen = true;
    } else if (code === dot) {
      groups.push(...dottedGroups(text.slice(text.lastIndexOf(':') + 1)));
      break;
    } else {
      if (isOpen) groups.push(group);
      // Its end, or that of what is no zone.
      if (code !== colon) break;
      if (text.charCodeAt(at + 1) === colon) gap = groups.length;
      [group, isOpen] = [0, false];
    }
  }
  if (gap !== -1) groups.splice(gap, 0, ...zeros.slice(groups.length));
  return groups;
}

const zeros: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0];
const [colon, dot] = [0x3a, 0x2e];

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** The IPv4 address at the end of an IPv6 address (RFC 4291 section 2.2). */
function dottedGroups(text: string): number[] {
  const [address = ''] = text.split('%', 1);
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  return [(a << 8) | b, (c << 8) | d];
}

/** RFC 5952 section 4: lower case, and the first of the longest runs of two zeros and more is left out. */
function formatGroups(groups: readonly number[]): string {
  let [start, length] = [-1, 1];
  for (let from = 0; from < groups.length; from += 1) {
    let to = from;
    while (groups[to] === 0) to += 1;
    if (to - from > length) [start, length] = [from, to - from];
    from = Math.max(from, to - 1);
  }
  let text = '';
  for (let at = 0; at < groups.length; at += 1) {
    if (at === start) {
      text += '::';
      at += length - 1;
    } else {
      if (text !== '' && !text.endsWith('::')) text += ':';
      text += groups[at]?.toString(16);
    }
  }
  return text;
}
