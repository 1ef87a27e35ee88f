import type { SigningAlgorithm } from '../../services/shared/contracts/keyring.ts';
import {
  type CertificateAuthority,
  generateCertificateAuthority,
  issueCertificate,
  type LeafRequest,
  tlsEntries,
} from './internal-certificate.ts';
import {
  generateCookieKeys,
  generateDatabasePasswords,
  generateDataEncryptionKeys,
  generatePairwiseSalt,
} from './random-secrets.ts';
import { generateSigningKeys } from './signing-keyring.ts';

/** What a Secret is to hold. The plan names it, and only the write makes it: no secret passes through a decision. */
export type SecretContent =
  | { readonly kind: 'signing-keys'; readonly algorithm: SigningAlgorithm }
  | { readonly kind: 'cookie-keys' }
  | { readonly kind: 'pairwise-salt' }
  | { readonly kind: 'data-encryption-keys' }
  | { readonly kind: 'database-passwords' }
  | { readonly kind: 'certificate-authority'; readonly tenant: string }
  | { readonly kind: 'certificate'; readonly authority: CertificateAuthority; readonly request: LeafRequest };

/** Entries of the Secret, by name. */
export const generateEntries = async (content: SecretContent, now: Date): Promise<Record<string, string>> => {
  switch (content.kind) {
    case 'signing-keys':
      return generateSigningKeys(content.algorithm, now);
    case 'cookie-keys':
      return generateCookieKeys();
    case 'pairwise-salt':
      return generatePairwiseSalt();
    case 'data-encryption-keys':
      return generateDataEncryptionKeys();
    case 'database-passwords':
      return generateDatabasePasswords();
    case 'certificate-authority': {
      const { certificatePem, privateKeyPem } = generateCertificateAuthority(content.tenant, now);
      return { [tlsEntries.certificate]: certificatePem, [tlsEntries.privateKey]: privateKeyPem };
    }
    case 'certificate':
      return issueCertificate(content.authority, content.request, now);
  }
};
