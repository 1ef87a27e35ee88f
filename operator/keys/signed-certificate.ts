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
  Validity,
} from '@peculiar/asn1-x509';

// A certificate is put together from parts in DER: those that are always the same are written once, a public key as Node has it,
// and the others by @peculiar/asn1-x509. To write all of it as one structure takes three times as long, and its sister
// for applications, @peculiar/x509, which parses each part again, five times that: most of what making a tenant costs.

/** RFC 5280, 4.2.1.6. */
export type SubjectAltName = { readonly type: 'url' | 'dns' | 'ip'; readonly value: string };

/** Who a certificate is of: an authority, or somebody who is reached and reaches others by mTLS. */
export type CertificateUse =
  | { readonly kind: 'authority' }
  | { readonly kind: 'peer'; readonly subjectAltNames: readonly SubjectAltName[] };

/** A name in DER. */
export type EncodedName = Buffer;

/** What is signed. */
export type CertificateContent = {
  readonly issuer: EncodedName;
  readonly subject: EncodedName;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly publicKey: KeyObject;
  readonly use: CertificateUse;
};

const encode = (value: unknown): Buffer => Buffer.from(AsnConvert.serialize(value));

const tags = { bitString: 0x03, integer: 0x02, sequence: 0x30, version: 0xa0, extensions: 0xa3 } as const;

/** One element of DER (X.690, 8.1) around encoded ones. */
const wrap = (tag: number, ...contents: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length > 0xffff) throw new Error(`a part of a certificate has ${length} bytes`);
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const size = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
};

const commonNameId = '2.5.4.3';
const ecdsaWithSha256 = encode(new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' }));
/** X.509 v3. */
const version = wrap(tags.version, wrap(tags.integer, Buffer.from([2])));

/** @param commonName letters, digits and punctuation of a PrintableString, as names of tenants and hosts are. */
export const buildName = (commonName: string): EncodedName =>
  encode(
    new Name([
      new RelativeDistinguishedName([
        new AttributeTypeAndValue({
          type: commonNameId,
          value: new AttributeValue({ printableString: commonName }),
        }),
      ]),
    ]),
  );

/** The subject of a certificate, as it has to stand in those that it signs. */
export const parseSubject = (certificate: X509Certificate): EncodedName =>
  encode(AsnConvert.parse(certificate.raw, Certificate).tbsCertificate.subject);

const encodeExtension = (extnID: string, value: unknown, critical: boolean): Buffer =>
  encode(new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) }));

const keyUsage = (flags: number): KeyUsage => new KeyUsage(flags);

const authorityExtensions = [
  encodeExtension(id_ce_basicConstraints, new BasicConstraints({ cA: true, pathLenConstraint: 0 }), true),
  encodeExtension(id_ce_keyUsage, keyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign), true),
];

const peerExtensions = [
  encodeExtension(id_ce_basicConstraints, new BasicConstraints({ cA: false }), true),
  encodeExtension(id_ce_keyUsage, keyUsage(KeyUsageFlags.digitalSignature), true),
  encodeExtension(id_ce_extKeyUsage, new ExtendedKeyUsage([id_kp_serverAuth, id_kp_clientAuth]), false),
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

const encodeExtensions = (use: CertificateUse): readonly Buffer[] => {
  if (use.kind === 'authority') return authorityExtensions;
  const names = new SubjectAlternativeName(use.subjectAltNames.map(buildGeneralName));
  return [...peerExtensions, encodeExtension(id_ce_subjectAltName, names, false)];
};

/** 127 bits: RFC 5280 asks for a positive number, and CAs for 64 bits of chance. */
const serialNumber = (): Buffer => {
  const bytes = randomBytes(16);
  // A first byte of zero would be one too many in DER.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes;
};

/** RFC 7468. */
const encodePem = (der: Buffer): string => {
  const lines = der.toString('base64').replaceAll(/.{1,64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`;
};

/** Signs a certificate by an EC key. @returns PEM. */
export const signCertificate = (content: CertificateContent, signingKey: KeyObject): string => {
  const { issuer, subject, notBefore, notAfter, publicKey, use } = content;
  const signed = wrap(
    tags.sequence,
    version,
    wrap(tags.integer, serialNumber()),
    ecdsaWithSha256,
    issuer,
    encode(new Validity({ notBefore, notAfter })),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    wrap(tags.extensions, wrap(tags.sequence, ...encodeExtensions(use))),
  );
  // The first byte says that all bits of the last one count.
  const signature = wrap(tags.bitString, Buffer.from([0]), sign('sha256', signed, signingKey));
  return encodePem(wrap(tags.sequence, signed, ecdsaWithSha256, signature));
};
