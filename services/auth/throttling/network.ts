import { BlockList, isIPv6 } from 'node:net';

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

const privateNetworks = new BlockList();
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  privateNetworks.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  privateNetworks.addSubnet(network, prefix, 'ipv6');
}

/**
 * Whether the address is no customer's on the internet, but a node's or a load balancer's that stands for all of them: what
 * one of them does must not be counted against the others.
 */
export const isSharedAddress = (address: string): boolean => {
  const plain = mappedIPv4.exec(address)?.[1] ?? address.split('%')[0] ?? '';
  return privateNetworks.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
};

/** The neighbourhood of a client: the /24 of an IPv4 address, the /48 of an IPv6 one. */
export const networkOfAddress = (address: string): string => {
  const source = sourceOfAddress(address);
  if (isIPv6(address) && source !== address && source.endsWith('/64')) {
    return `${groupsOf(address).slice(0, 3).join(':')}::/48`;
  }
  return /^\d+\.\d+\.\d+\.\d+$/.test(source) ? `${source.slice(0, source.lastIndexOf('.'))}.0/24` : source;
};
