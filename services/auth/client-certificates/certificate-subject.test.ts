import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { createCertificateAuthority } from '../../shared/testing/certificate-authority.ts';
import { matchesCertificateSubject } from './certificate-subject.ts';

describe('what a certificate says', () => {
  let full: X509Certificate;
  let bare: X509Certificate;
  beforeAll(async () => {
    const authority = await createCertificateAuthority();
    const issue = async (client: Parameters<typeof authority.issueClient>[0]) =>
      new X509Certificate((await authority.issueClient(client)).cert);
    full = await issue({
      subject: 'C=DE, O=Shop\\, Ltd, CN=billing.shop.example',
      names: [
        { type: 'dns', value: 'billing.shop.example' },
        { type: 'dns', value: '*.wild.example' },
        { type: 'url', value: 'spiffe://shop/ns/a/sa/billing' },
        { type: 'url', value: 'https://shop.example/?a=1, URI:spiffe://shop/ns/a/sa/forged' },
        { type: 'ip', value: '10.0.0.7' },
        { type: 'ip', value: '2001:db8::7' },
        { type: 'email', value: 'billing@shop.example' },
      ],
    });
    bare = await issue({ subject: 'CN=bare.shop.example' });
  });

  it.each<[property: string, value: string]>([
    ['tls_client_auth_subject_dn', 'CN=billing.shop.example,O=Shop\\, Ltd,C=DE'],
    ['tls_client_auth_san_dns', 'billing.shop.example'],
    ['tls_client_auth_san_uri', 'spiffe://shop/ns/a/sa/billing'],
    ['tls_client_auth_san_ip', '10.0.0.7'],
    ['tls_client_auth_san_ip', '2001:DB8:0::7'],
    ['tls_client_auth_san_email', 'billing@shop.example'],
  ])('%s %s', (property, value) => {
    expect(matchesCertificateSubject(full, property, value)).toBe(true);
    expect(matchesCertificateSubject(bare, property, value)).toBe(false);
  });

  it.each<[property: string, value: string]>([
    ['tls_client_auth_subject_dn', 'CN=billing.shop.example'],
    ['tls_client_auth_san_dns', 'shop.example'],
    ['tls_client_auth_san_dns', '.shop.example'],
    ['tls_client_auth_san_dns', 'a.wild.example'],
    ['tls_client_auth_san_uri', 'spiffe://shop/ns/a/sa/forged'],
    ['tls_client_auth_san_uri', 'billing.shop.example'],
    ['tls_client_auth_san_uri', ''],
    ['tls_client_auth_san_ip', '10.0.0.8'],
    ['tls_client_auth_san_email', 'other@shop.example'],
    ['tls_client_auth_san_dir', 'billing.shop.example'],
    ['__proto__', 'x'],
  ])('not %s %s', (property, value) => {
    expect(matchesCertificateSubject(full, property, value)).toBe(false);
  });

  it('takes no common name for an alternative one', () => {
    expect(matchesCertificateSubject(bare, 'tls_client_auth_san_dns', 'bare.shop.example')).toBe(false);
  });
});
