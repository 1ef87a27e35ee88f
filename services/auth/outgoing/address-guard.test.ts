import { describe, expect, it } from 'vitest';
import { createAddressGuard } from './address-guard.ts';

describe('createAddressGuard', () => {
  it.each([
    ['169.254.169.254', 'Any Public'],
    ['[fe80::1]', 'Any Public'],
    ['[::ffff:169.254.169.254]', 'Any Public'],
    ['127.0.0.1', 'Public'],
    ['0.0.0.0', 'Public'],
    ['10.96.0.1', 'Public'],
    ['100.100.100.200', 'Public'],
    ['172.31.255.255', 'Public'],
    ['192.168.1.1', 'Public'],
    ['255.255.255.255', 'Public'],
    ['[::]', 'Public'],
    ['[::1]', 'Public'],
    ['[::ffff:10.0.0.1]', 'Public'],
    ['[64:ff9b::a00:1]', 'Public'],
    ['[fd00::1]', 'Public'],
    ['172.32.0.1', ''],
    ['93.184.215.14', ''],
    ['[2606:2800:21f:cb07:6820:80da:af6b:8b2c]', ''],
    ['keys.example', ''],
  ])('%s is beyond the scopes: %s', (host, scopes) => {
    const beyond = (['Any', 'Public'] as const).filter((scope) => createAddressGuard(scope).forbids(host));
    expect(beyond.join(' ')).toBe(scopes);
  });

  it('judges what a name stands for', async () => {
    const find = (scope: 'Any' | 'Public') =>
      new Promise((resolve) => createAddressGuard(scope).lookup('localhost', { family: 4 }, resolve));
    expect(await find('Public')).toMatchObject({ code: 'FORBIDDEN_ADDRESS' });
    expect(await find('Any')).toBeNull();
  });
});
