import { lookup as lookUp } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

type Subnet = readonly [network: string, prefix: number, family: 'ipv4' | 'ipv6'];

/** Link-local addresses, where clouds keep credentials for whoever asks. */
const linkLocal: readonly Subnet[] = [
  ['169.254.0.0', 16, 'ipv4'],
  ['fe80::', 10, 'ipv6'],
];

/** What is not of the public internet (RFC 6890), with the ways to write an IPv4 address as one of IPv6. */
const special: readonly Subnet[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 127, 'ipv6'],
  ['64:ff9b::', 96, 'ipv6'],
  ['64:ff9b:1::', 48, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fec0::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];

const buildBlockList = (subnets: readonly Subnet[]): BlockList => {
  const list = new BlockList();
  for (const subnet of subnets) list.addSubnet(...subnet);
  return list;
};

/** `Public`: neither private, loopback nor link-local addresses. `Any`: all but link-local ones. */
export type AddressScope = 'Public' | 'Any';

const forbiddenLists: Readonly<Record<AddressScope, BlockList>> = {
  Public: buildBlockList([...linkLocal, ...special]),
  Any: buildBlockList(linkLocal),
};

export class ForbiddenAddress extends Error {
  readonly code = 'FORBIDDEN_ADDRESS';
}

export type AddressGuard = {
  /** Whether the host of a URL is an address, and none that may be reached. */
  forbids(host: string): boolean;
  /** Judges what a name stands for at the moment of the connection: a second look could find another address. */
  lookup: LookupFunction;
};

/** Keeps requests away from addresses beyond the scope. */
export const createAddressGuard = (scope: AddressScope): AddressGuard => {
  const list = forbiddenLists[scope];
  const isForbidden = (address: string): boolean => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  return {
    forbids: (host) => {
      const address = host.replace(/^\[|\]$/g, '');
      return isIP(address) !== 0 && isForbidden(address);
    },
    lookup: (host, options, done) => {
      lookUp(host, { ...options, all: true }, (error, addresses) => {
        if (error !== null) done(error, []);
        else if (addresses.some(({ address }) => isForbidden(address))) done(new ForbiddenAddress(), []);
        else if (options.all === true) done(null, addresses);
        else done(null, addresses[0]?.address ?? '', addresses[0]?.family);
      });
    },
  };
};
