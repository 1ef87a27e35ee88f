import { describe, expect, it } from 'vitest';
import { clientAddressOf } from './client-address.ts';

const request = (forwarded: string | string[] | undefined) => ({
  headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  socket: { remoteAddress: '10.0.0.1' },
});

describe('clientAddressOf', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8::1', '2001:db8::1'],
    [undefined, '10.0.0.1'],
    ['192.0.2.7, 10.9.9.9', '10.0.0.1'],
    ['nobody', '10.0.0.1'],
  ])('of %j is %s', (forwarded, address) => {
    // Express' own types are wider than what is read.
    expect(clientAddressOf(request(forwarded) as unknown as Parameters<typeof clientAddressOf>[0])).toBe(address);
  });
});
