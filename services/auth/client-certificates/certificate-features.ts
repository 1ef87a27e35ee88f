import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import type { ProviderContext, ProviderNext } from '../unit-of-work/provider-context.ts';
import { matchesCertificateSubject } from './certificate-subject.ts';
import { presentedCertificate } from './presented-certificate.ts';

type CertificateFeatures = NonNullable<NonNullable<Configuration['features']>['mTLS']>;

const ofContext = ({ req }: KoaContextWithOIDC) => presentedCertificate(req);

/**
 * RFC 8705 as oidc-provider speaks it. On for every tenant, also for one without an entrance for certificates: off, the
 * library would not know that a client's tokens are to be bound, and give out ones that are not.
 */
export const certificateFeatures: CertificateFeatures = {
  enabled: true,
  certificateBoundAccessTokens: true,
  tlsClientAuth: true,
  selfSignedTlsClientAuth: true,
  getCertificate: (context) => ofContext(context)?.certificate,
  certificateAuthorized: (context) => ofContext(context)?.isTrusted ?? false,
  certificateSubjectMatches: (context, property, expected) => {
    const presented = ofContext(context);
    return presented !== undefined && matchesCertificateSubject(presented.certificate, property, expected);
  },
};

/** Ways of authentication that need an entrance for certificates. */
export const certificateAuthMethods = ['tls_client_auth', 'self_signed_tls_client_auth'] as const;

/** Where there is no entrance for certificates, nobody is told that tokens can be bound to one. */
export const hideCertificateBinding = async (context: ProviderContext, next: ProviderNext): Promise<void> => {
  await next();
  const { body } = context;
  if (context.oidc?.route !== 'discovery' || typeof body !== 'object' || body === null) return;
  Reflect.deleteProperty(body, 'tls_client_certificate_bound_access_tokens');
};
