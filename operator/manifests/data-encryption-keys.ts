import { createHmac } from 'node:crypto';
import { dataEncryptionKeysSchema } from '../../services/token-store/settings.ts';

/**
 * What can be told of a key without telling it: half of an HMAC under the key itself, which is 256 random bits. The database
 * remembers it, so that other keys under the same id are noticed before anything is sealed with them.
 */
const fingerprint = (key: string): string =>
  createHmac('sha256', Buffer.from(key, 'base64'))
    .update('fingerprint of a data-encryption key')
    .digest('hex')
    .slice(0, 32);

/** The keys of `keys.json`, by fingerprint; empty for what is none. */
export const fingerprintDataEncryptionKeys = (keysJson: string): { id: string; fingerprint: string }[] => {
  try {
    const { keys } = dataEncryptionKeysSchema.parse(JSON.parse(keysJson));
    return keys.map(({ id, key }) => ({ id, fingerprint: fingerprint(key) }));
  } catch {
    // A Secret that somebody has broken: migrate misses the keys that the database knows, and says which.
    return [];
  }
};
