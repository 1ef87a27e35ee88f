import { beforeAll, describe, expect, it } from 'vitest';
import { generateCertificateAuthority } from '../../keys/internal-certificate.ts';
import { findContentFault } from './reference-content.ts';
import { referenceFields } from './spec-references.ts';

let ca: string;
beforeAll(async () => {
  ca = generateCertificateAuthority('acme', new Date()).certificatePem;
});

const fault = (field: string, entries: Record<string, string>, requiredEntries: string[] = ['url']) =>
  findContentFault({
    field,
    kind: 'Secret',
    name: 'named',
    requiredEntries,
    found: { uid: 'u', resourceVersion: '1', entries },
  });

describe('what the spec names', () => {
  const url = 'postgres://u:s3cret@h/d';
  it('has three URLs of a database, each judged by its key', () => {
    expect(fault(referenceFields.databaseConnection, { url, 'auth-url': url, 'ca.crt': ca })).toBeUndefined();
    for (const entry of ['url', 'auth-url', 'token-store-url']) {
      const message = `key "${entry}" of Secret "named" is no URL like postgres://user:password@host:5432/database; correct it`;
      expect(fault(referenceFields.databaseConnection, { url, [entry]: 's3cret' })).toEqual({
        reason: 'DatabaseUrlInvalid',
        message,
      });
    }
  });

  it('has the URL of a cluster under the name of its release', () => {
    expect(fault(referenceFields.databaseCluster, { uri: url })).toBeUndefined();
    expect(fault(referenceFields.databaseCluster, { uri: url, 'fqdn-uri': 'x' })?.message).toContain('key "fqdn-uri"');
  });

  it('has the URL of a cache in a form that is known', () => {
    expect(fault(referenceFields.cacheConnection, { url: 'rediss+cluster://a,b' })).toBeUndefined();
    expect(fault(referenceFields.cacheConnection, { url: 'http://:s3cret@a' })).toEqual({
      reason: 'CacheUrlInvalid',
      message: expect.stringMatching(/^key "url" of Secret "named" is no URL like rediss:\/\/[^s]*user:password@host/),
    });
  });

  it('has the URL of a mail server in a form that is known', () => {
    expect(fault(referenceFields.mailServer, { url: 'smtps://user:s3cret@mail.example\n' })).toBeUndefined();
    expect(fault(referenceFields.mailServer, { url: 'mail.example:587' })?.reason).toBe('MailUrlInvalid');
    expect(fault(referenceFields.mailServer, { url: 'smtp://mail.example', 'ca.crt': 'nothing' })?.reason).toBe(
      'TrustBundleInvalid',
    );
  });

  it('holds certificates, in bundles and CAs', () => {
    const bundle = referenceFields.trustBundle(0);
    expect(fault(bundle, { 'ca.crt': `# a comment\n${ca}\n${ca}` }, ['ca.crt'])).toBeUndefined();
    const broken = ca.replace(/^MI.*$/m, 'MIIB');
    for (const text of ['', 'nothing', broken, `${ca}\n${broken}`]) {
      expect(fault(bundle, { 'ca.crt': text }, ['ca.crt'])).toEqual({
        reason: 'TrustBundleInvalid',
        message:
          'key "ca.crt" of Secret "named" holds no PEM certificate, or one that cannot be read; put certificates there',
      });
    }
    expect(fault(referenceFields.databaseConnection, { url, 'ca.crt': 'nothing' })?.reason).toBe('TrustBundleInvalid');
    expect(fault(referenceFields.clientCa, { 'ca.crt': ca }, ['ca.crt'])).toBeUndefined();
    expect(fault(referenceFields.clientCa, { 'ca.crt': 'nothing' }, ['ca.crt'])?.reason).toBe('TrustBundleInvalid');
    expect(fault(referenceFields.databaseCluster, { 'ca.crt': ca }, ['ca.crt'])).toBeUndefined();
  });
});
