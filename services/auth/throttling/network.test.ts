import { describe, expect, it } from 'vitest';
import { isSharedAddress, networkOfAddress, sourceOfAddress } from './network.ts';

describe('an address that stands for many', () => {
  it.each(['10.1.2.3', '172.31.0.1', '192.168.1.1', '100.64.0.1', '127.0.0.1', '::1', 'fd00::1', 'fe80::1%eth0'])(
    'is %s, and ::ffff: before it changes nothing',
    (address) => {
      expect(isSharedAddress(address)).toBe(true);
      expect(isSharedAddress(address.includes(':') ? address : `::ffff:${address}`)).toBe(true);
    },
  );

  it.each(['192.0.2.1', '172.32.0.1', '2001:db8::1', '::ffff:192.0.2.1', 'unknown'])('is not %s', (address) => {
    expect(isSharedAddress(address)).toBe(false);
  });
});

describe('an address', () => {
  it.each([
    ['192.0.2.77', '192.0.2.77', '192.0.2.0/24'],
    ['::ffff:192.0.2.77', '192.0.2.77', '192.0.2.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['2001:DB8:0001:0002::1', '2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['2001:db8::1', '2001:db8:0:0::/64', '2001:db8:0::/48'],
    ['::1', '0:0:0:0::/64', '0:0:0::/48'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64', 'fe80:0:0::/48'],
    ['unknown', 'unknown', 'unknown'],
  ])('%s is counted as %s, in %s', (address, source, network) => {
    expect(sourceOfAddress(address)).toBe(source);
    expect(networkOfAddress(address)).toBe(network);
  });
});
