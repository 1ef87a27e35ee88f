import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * Does the secret have one of these SHA-256 hashes (base64url)? All are compared, in constant time each. Two are valid at
 * once while a secret is being replaced. A generated secret of 256 bits needs no slow hash.
 */
export const matchesClientSecret = (secretHashes: readonly string[], secret: string): boolean => {
  const presented = createHash('sha256').update(secret).digest();
  return secretHashes
    .map((hash) => Buffer.from(hash, 'base64url'))
    .map((hash) => hash.length === presented.length && timingSafeEqual(hash, presented))
    .some(Boolean);
};
