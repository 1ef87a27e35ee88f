import { Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readClientAddress } from './client-address.ts';

const asked = (remoteAddress: string | undefined, forwardedFor?: string) => ({
  socket: Object.defineProperty(new Socket(), 'remoteAddress', { value: remoteAddress }),
  headers: forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor },
});

const proxies = ['10.0.0.0/8', 'fd00::/8', '192.0.2.7'];

describe('the address of a client', () => {
  it.each([
    ['who is connected, without proxies', [], '203.0.113.9', '1.1.1.1', '203.0.113.9'],
    ['who is connected, when it is no proxy', proxies, '203.0.113.9', '1.1.1.1', '203.0.113.9'],
    ['what the proxy says', proxies, '10.1.2.3', '203.0.113.9', '203.0.113.9'],
    ['what the proxy says over an IPv6 socket', proxies, '::ffff:10.1.2.3', '203.0.113.9', '203.0.113.9'],
    ['what an IPv6 proxy says', proxies, 'fd00::1', '2001:db8::9', '2001:db8::9'],
    ['the last that is no proxy', proxies, '10.1.2.3', '6.6.6.6, 203.0.113.9, 192.0.2.7, 10.9.9.9', '203.0.113.9'],
    ['the farthest proxy, when there are only proxies', proxies, '10.1.2.3', '10.4.4.4, 10.5.5.5', '10.4.4.4'],
    ['the proxy, when it says nothing', proxies, '10.1.2.3', undefined, '10.1.2.3'],
    ['the proxy, when it says no address', proxies, '10.1.2.3', '<script>', '10.1.2.3'],
    ['nobody, when the connection is gone', proxies, undefined, '1.1.1.1', 'unknown'],
  ] as const)('is %s', (_what, trusted, connected, forwardedFor, expected) => {
    expect(readClientAddress(trusted)(asked(connected, forwardedFor))).toBe(expected);
  });

  it('cannot be chosen by a client, whatever it writes, behind a proxy that appends', () => {
    const read = readClientAddress(proxies);
    fc.assert(
      fc.property(fc.string(), (written) => {
        expect(read(asked('10.1.2.3', `${written}, 203.0.113.9`))).toBe('203.0.113.9');
      }),
    );
  });
});
