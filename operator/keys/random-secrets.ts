import { randomBytes } from 'node:crypto';
import type { CookieKeys, PairwiseSalt } from '../../services/auth/settings.ts';
import type { DataEncryptionKeys } from '../../services/token-store/settings.ts';

/** 256 bits as text that needs no quoting in URLs, SQL or shells. */
const randomText = (): string => randomBytes(32).toString('base64url');

/** Entry of the Secrets whose content is keys. */
export const keysEntry = 'keys.json';

export const generateCookieKeys = (): Record<string, string> => ({
  [keysEntry]: JSON.stringify({ keys: [randomText()] } satisfies CookieKeys),
});

/** It is kept for as long as the accounts are: people are known by it. */
export const generatePairwiseSalt = (): Record<string, string> => ({
  [keysEntry]: JSON.stringify({ salt: randomText() } satisfies PairwiseSalt),
});

export const generateDataEncryptionKeys = (): Record<string, string> => ({
  [keysEntry]: JSON.stringify({
    keys: [{ id: '1', key: randomBytes(32).toString('base64') }],
  } satisfies DataEncryptionKeys),
});

/** Entries of `<tenant>-database-credentials`: the owner of the managed database and one role a service. */
export const databasePasswordEntries = {
  owner: 'owner-password',
  auth: 'auth-password',
  tokenStore: 'token-store-password',
} as const;

/** Entry of the same Secret, which outlives the tenant: id of the database that its data is in, once migrate has told it. */
export const rememberedDatabaseEntry = 'database-id';

export const generateDatabasePasswords = (): Record<string, string> =>
  Object.fromEntries(Object.values(databasePasswordEntries).map((entry) => [entry, randomText()]));

/** A client secret of 256 bits. */
export const generateClientSecret = randomText;
