import { type KeyObject, randomBytes, sign, type X509Certificate } from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';

// The structures of @peculiar/asn1-x509 are written as they are. Its sister for applications, @peculiar/x509, parses each
// part of a certificate again, and the certificate itself: five times the time, and most of what making a tenant costs.

/** RFC 5280, 4.2.1.6. */
export type SubjectAltName = { readonly type: 'url' | 'dns' | 'ip'; readonly value: string };

/** Who a certificate is of: an authority, or somebody who is reached and reaches others by mTLS. */
export type CertificateUse =
  | { readonly kind: 'authority' }
  | { readonly kind: 'peer'; readonly subjectAltNames: readonly SubjectAltName[] };

/** What is signed. */
export type CertificateContent = {
  readonly issuer: Name;
  readonly subject: Name;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly publicKey: KeyObject;
  readonly use: CertificateUse;
};

const commonNameId = '2.5.4.3';
const ecdsaWithSha256 = () => new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' });

/** @param commonName letters, digits and punctuation of a PrintableString, as names of tenants and hosts are. */
export const buildName = (commonName: string): Name =>
  new Name([
    new RelativeDistinguishedName([
      new AttributeTypeAndValue({
        type: commonNameId,
        value: new AttributeValue({ printableString: commonName }),
      }),
    ]),
  ]);

/** The subject of a certificate, as it has to stand in those that it signs. */
export const parseSubject = (certificate: X509Certificate): Name =>
  AsnConvert.parse(certificate.raw, Certificate).tbsCertificate.subject;

const buildExtension = (extnID: string, value: unknown, critical: boolean): Extension =>
  new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });

const keyUsage = (flags: number): KeyUsage => new KeyUsage(flags);

const authorityExtensions = [
  buildExtension(id_ce_basicConstraints, new BasicConstraints({ cA: true, pathLenConstraint: 0 }), true),
  buildExtension(id_ce_keyUsage, keyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign), true),
];

const peerExtensions = [
  buildExtension(id_ce_basicConstraints, new BasicConstraints({ cA: false }), true),
  buildExtension(id_ce_keyUsage, keyUsage(KeyUsageFlags.digitalSignature), true),
  buildExtension(id_ce_extKeyUsage, new ExtendedKeyUsage([id_kp_serverAuth, id_kp_clientAuth]), false),
];

const buildGeneralName = ({ type, value }: SubjectAltName): GeneralName => {
  switch (type) {
    case 'url':
      return new GeneralName({ uniformResourceIdentifier: value });
    case 'dns':
      return new GeneralName({ dNSName: value });
    case 'ip':
      return new GeneralName({ iPAddress: value });
  }
};

const buildExtensions = (use: CertificateUse): Extension[] => {
  if (use.kind === 'authority') return authorityExtensions;
  const names = new SubjectAlternativeName(use.subjectAltNames.map(buildGeneralName));
  return [...peerExtensions, buildExtension(id_ce_subjectAltName, names, false)];
};

/** 127 bits: RFC 5280 asks for a positive number, and CAs for 64 bits of chance. */
const serialNumber = (): ArrayBuffer => {
  const bytes = new Uint8Array(randomBytes(16));
  // A first byte of zero would be one too many in DER.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.buffer;
};

/** RFC 7468. */
const encodePem = (der: ArrayBuffer): string => {
  const lines = Buffer.from(der)
    .toString('base64')
    .replaceAll(/.{1,64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`;
};

/** Signs a certificate by an EC key. @returns PEM. */
export const signCertificate = (content: CertificateContent, signingKey: KeyObject): string => {
  const { issuer, subject, notBefore, notAfter, publicKey, use } = content;
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: serialNumber(),
    signature: ecdsaWithSha256(),
    issuer,
    validity: new Validity({ notBefore, notAfter }),
    subject,
    subjectPublicKeyInfo: AsnConvert.parse(publicKey.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo),
    extensions: new Extensions(buildExtensions(use)),
  });
  const signature = sign('sha256', new Uint8Array(AsnConvert.serialize(tbsCertificate)), signingKey);
  const certificate = new Certificate({
    tbsCertificate,
    signatureAlgorithm: ecdsaWithSha256(),
    signatureValue: new Uint8Array(signature).buffer,
  });
  return encodePem(AsnConvert.serialize(certificate));
};
