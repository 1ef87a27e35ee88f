import type { X509Certificate } from 'node:crypto';
import { isDistinguishedName } from './distinguished-name.ts';

/** One entry of Node's `subjectAltName`; a value that could be taken for several is in quotes, as JSON. */
const entryFormat = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/gy;

const alternativeNames = ({ subjectAltName }: X509Certificate, type: string): string[] => {
  const entries = [...(subjectAltName ?? '').matchAll(entryFormat)];
  // What is not understood to its end is not understood.
  if (entries.reduce((length, [entry]) => length + entry.length, 0) !== (subjectAltName ?? '').length) return [];
  return entries
    .filter(([, name]) => name === type)
    .map(([, , value = '']) => (value.startsWith('"') ? String(JSON.parse(value)) : value));
};

// A dot before a name would stand for all below it.
const isHost = (certificate: X509Certificate, name: string): boolean =>
  !name.startsWith('.') && certificate.checkHost(name, { subject: 'never', wildcards: false }) !== undefined;

type Check = (certificate: X509Certificate, expected: string) => boolean;

const checks = new Map<string, Check>([
  ['tls_client_auth_subject_dn', ({ subject }, expected) => isDistinguishedName(subject, expected)],
  ['tls_client_auth_san_dns', isHost],
  ['tls_client_auth_san_uri', (certificate, expected) => alternativeNames(certificate, 'URI').includes(expected)],
  ['tls_client_auth_san_ip', (certificate, expected) => certificate.checkIP(expected) !== undefined],
  [
    'tls_client_auth_san_email',
    (certificate, expected) => certificate.checkEmail(expected, { subject: 'never' }) !== undefined,
  ],
]);

/**
 * Whether a certificate says what the client's registration wants (RFC 8705, 2.1.2).
 * @param property metadata such as `tls_client_auth_san_dns`
 */
export const matchesCertificateSubject = (certificate: X509Certificate, property: string, expected: string): boolean =>
  checks.get(property)?.(certificate, expected) ?? false;
