import { isIPv6 } from 'node:net';

/** The eight groups of an IPv6 address, without leading zeros. */
const groupsOf = (address: string): string[] => {
  // `URL` writes an address in its one short form (RFC 5952), the last 32 bits of an embedded IPv4 one included.
  const short = new URL(`http://[${address.split('%')[0]}]/`).hostname.slice(1, -1);
  const [head = '', tail] = short.split('::');
  const before = head === '' ? [] : head.split(':');
  if (tail === undefined) return before;
  const after = tail === '' ? [] : tail.split(':');
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after];
};

/** `::ffff:192.0.2.1` is an IPv4 client of a socket that speaks both. */
const mappedIPv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * What one customer of a provider has: an IPv4 address, or the /64 of an IPv6 one, within which a device may take as many as
 * it likes.
 */
export const sourceOfAddress = (address: string): string => {
  const [, mapped] = mappedIPv4.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  return isIPv6(address) ? `${groupsOf(address).slice(0, 4).join(':')}::/64` : address;
};

/** The neighbourhood of a client: the /24 of an IPv4 address, the /48 of an IPv6 one. */
export const networkOfAddress = (address: string): string => {
  const source = sourceOfAddress(address);
  if (isIPv6(address) && source !== address && source.endsWith('/64')) {
    return `${groupsOf(address).slice(0, 3).join(':')}::/48`;
  }
  return /^\d+\.\d+\.\d+\.\d+$/.test(source) ? `${source.slice(0, source.lastIndexOf('.'))}.0/24` : source;
};
