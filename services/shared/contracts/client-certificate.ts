import { X509Certificate } from 'node:crypto';

/**
 * The header of RFC 9440 by which the gateway tells auth of the certificate that a client has proved to hold; nobody else
 * can: the gateway takes it out of whatever comes from outside, and auth reads it from the gateway alone. One header for
 * both facts, so that they cannot be of two certificates.
 */
export const clientCertificateHeader = 'client-cert';

/** Largest certificate that is passed on, bytes of DER: as a header it has to fit beside the client's own. */
export const largestClientCertificate = 6_144;

/** A certificate whose private key the client has. */
export type ClientCertificate = {
  certificate: X509Certificate;
  /** Issued by a CA that the tenant trusts for clients, and valid when the connection began. */
  isTrusted: boolean;
};

/** RFC 8941 byte sequence, with a parameter of ours. */
export const formatClientCertificate = ({ certificate, isTrusted }: ClientCertificate): string =>
  `:${certificate.raw.toString('base64')}:${isTrusted ? ';trusted' : ''}`;

const format = /^:([A-Za-z0-9+/]+={0,2}):(;trusted)?$/;

/** Undefined for anything that {@link formatClientCertificate} would not have written. */
export const parseClientCertificate = (value: unknown): ClientCertificate | undefined => {
  const [, der, trusted] = (typeof value === 'string' ? format.exec(value) : undefined) ?? [];
  if (der === undefined) return undefined;
  try {
    return { certificate: new X509Certificate(Buffer.from(der, 'base64')), isTrusted: trusted !== undefined };
  } catch {
    return undefined;
  }
};
