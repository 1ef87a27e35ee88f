import { generateCertificateAuthority, issueCertificate } from '../../operator/keys/internal-certificate.ts';

/** PEMs of the demo's own CA and of the gateway's public certificate. */
export type DemoCertificates = { readonly ca: string; readonly certificate: string; readonly privateKey: string };

/** A CA made for one demo, and a certificate for the issuer's name and for the gateway's Service. */
export const createDemoCertificates = async (hosts: readonly string[]): Promise<DemoCertificates> => {
  const now = new Date();
  const authority = generateCertificateAuthority('demo', now);
  const entries = issueCertificate(
    authority,
    {
      commonName: hosts[0] ?? 'demo',
      subjectAltNames: hosts.map((value) => ({ type: 'dns', value })),
      lifetime: 'leaf',
    },
    now,
  );
  return { ca: authority.certificatePem, certificate: entries['tls.crt'] ?? '', privateKey: entries['tls.key'] ?? '' };
};
