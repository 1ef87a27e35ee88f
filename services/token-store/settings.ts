import { z } from 'zod';
import { commonSettingsSchema, databaseSettingsSchema, logLevelSchema } from '../shared/service-settings.ts';

/** Settings of the connection to a cache. */
export const cacheSettingsSchema = z.object({
  /** File that holds a `redis://` URL, in one of the forms of `parseCacheUrl`. */
  urlFile: z.string().min(1),
  /** PEM of the CA that signed the server's certificate; no such file: the system's, and the bundles. */
  caFile: z.string().min(1).optional(),
  /** Folder of PEM bundles that are trusted besides; reread when it changes. */
  trustDirectory: z.string().min(1).optional(),
});
export type CacheSettings = z.infer<typeof cacheSettingsSchema>;

/** Settings of the token-store that need a restart. */
export const tokenStoreSettingsSchema = commonSettingsSchema.extend({
  /** mTLS: `/v1/*` for auth, `/internal/*` for the operator. */
  port: z.int().min(0).max(65_535),
  database: databaseSettingsSchema,
  /** Absent: there is none. */
  cache: cacheSettingsSchema.optional(),
  /** Folder with `keys.json`: the data-encryption keys that payloads are sealed with. */
  dataEncryptionKeysDirectory: z.string().min(1),
});
export type TokenStoreSettings = z.infer<typeof tokenStoreSettingsSchema>;

/** Settings of the token-store that change without a restart. */
export const tokenStoreLiveSettingsSchema = z.object({
  logLevel: logLevelSchema,
  /** The longest that tokens live, s; a family of refresh tokens from its first one. */
  lifetimes: z.object({ accessTokenSeconds: z.int().min(1), refreshTokenSeconds: z.int().min(1) }),
  /** The largest difference between any two clocks, s. */
  clockSkewSeconds: z.int().min(0),
});
export type TokenStoreLiveSettings = z.infer<typeof tokenStoreLiveSettingsSchema>;

/** `keys.json`: 256-bit keys, base64; the last one seals, all of them open. */
export const dataEncryptionKeysSchema = z.object({
  keys: z.array(z.object({ id: z.string().min(1).max(16), key: z.base64().length(44) })).min(1),
});
export type DataEncryptionKeys = z.infer<typeof dataEncryptionKeysSchema>;
