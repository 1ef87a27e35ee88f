import { describe, expect, it } from 'vitest';
import { buildTenant } from '../../testing/tenants.ts';
import { decideIssuerHost } from './issuer-host.ts';

const decide = (issuer: string) => decideIssuerHost(buildTenant({ issuer }));

describe('the host of an issuer', () => {
  it.each([
    'https://id.example',
    'https://xn--bcher-kva.example/xn--a',
    'https://id.xn--p1ai:8443',
    'https://1xn--a.example',
  ])('may be that of %s', (issuer) => {
    expect(decide(issuer)).toBeUndefined();
  });

  it.each([
    ['https://xn--a.example', 'xn--a'],
    ['https://id.xn--0', 'xn--0'],
    ['https://xn--9999999999.example:8443/eu', 'xn--9999999999'],
  ])('is refused in %s, and named', (issuer, label) => {
    expect(decide(issuer)).toMatchObject({
      status: 'False',
      reason: 'IssuerInvalid',
      message: expect.stringContaining(`${label} is no internationalised name`),
    });
  });
});
