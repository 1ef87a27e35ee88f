import { z } from 'zod';
import {
  commonSettingsSchema,
  databaseSettingsSchema,
  logLevelSchema,
  peerSettingsSchema,
} from '../shared/service-settings.ts';

/** Settings of auth that need a restart. Durations are whole seconds, as in OAuth's `expires_in`. */
export const authSettingsSchema = commonSettingsSchema.extend({
  /** mTLS: the provider for the gateway, `/internal/*` for the operator. */
  port: z.int().min(0).max(65_535),
  issuer: z.url(),
  /** Where clients with certificates call, `https://mtls.id.example.com`. Absent: certificates mean nothing. */
  clientCertificatesOrigin: z.url().optional(),
  database: databaseSettingsSchema,
  tokenStore: peerSettingsSchema,
  /** Folder with `keyring.json` and `<kid>.pem`; reread when it changes. */
  signingKeysDirectory: z.string().min(1),
  /** Folder with `keys.json`: the secrets that sign cookies. */
  cookieKeysDirectory: z.string().min(1),
  /** Folder with `keys.json`: the salt of pairwise subjects. */
  pairwiseSaltDirectory: z.string().min(1),
  tokens: z.object({
    accessTokenSeconds: z.int().min(1),
    refreshTokenSeconds: z.int().min(1),
    refreshTokenAbsoluteSeconds: z.int().min(1),
    /** How long a refresh may be repeated whose answer was lost; 0: not at all. */
    refreshReplayLeewaySeconds: z.int().min(0).max(300),
    idTokenSeconds: z.int().min(1),
    authorizationCodeSeconds: z.int().min(1),
  }),
  /** How keys of clients are fetched that name a `jwks_uri`. Absent: from public addresses alone. */
  clientKeys: z
    .object({
      addresses: z.enum(['Public', 'Any']),
      /** Folder of PEM bundles that are trusted besides the system's. */
      trustDirectory: z.string().min(1).optional(),
    })
    .optional(),
  session: z.object({ idleSeconds: z.int().min(1), absoluteSeconds: z.int().min(1) }),
  /** `max-age` of the JWKS answer. */
  jwksMaxAgeSeconds: z.int().min(0),
  registrationEnabled: z.boolean(),
  passwordMinimumLength: z.int().min(8).max(64),
  /** How long the audit trail is kept. */
  auditSeconds: z.int().min(1),
  /** What people agree to when they consent; another version asks them again. */
  consent: z.object({
    policyVersion: z.string().max(63),
    policyUrl: z.url().max(2048).optional(),
  }),
  /** Without it no mail is sent: addresses stay unverified, and the pages say nothing of what would need one. */
  mail: z
    .object({
      /** File with an `smtp://` or `smtps://` URL (`parseSmtpUrl`); read anew for each mail. */
      urlFile: z.string().min(1),
      /** PEM of the CA of the server's certificate, where the file is there; else the system's. */
      caFile: z.string().min(1).optional(),
      /** Folder of PEM bundles that are trusted besides. */
      trustDirectory: z.string().min(1).optional(),
      /** Address of the sender. */
      from: z.string().min(3).max(254),
    })
    .optional(),
});
export type AuthSettings = z.infer<typeof authSettingsSchema>;

const serviceAccountTokensSchema = z.object({
  /** `iss` of the tokens. */
  issuer: z.string().min(1).max(2048),
  jwks: z.object({
    keys: z
      .array(z.looseObject({ kty: z.string() }))
      .min(1)
      .max(100),
  }),
});
export type ServiceAccountTokens = z.infer<typeof serviceAccountTokensSchema>;

/** Settings of auth that change without a restart. */
export const authLiveSettingsSchema = z.object({
  logLevel: logLevelSchema,
  /** Whose tokens of service accounts are taken as assertions of clients: the cluster's. Absent: nobody's. */
  serviceAccountTokens: serviceAccountTokensSchema.optional(),
  branding: z.object({
    /** Shown in titles and headings. */
    name: z.string().min(1).max(100),
    logoUrl: z.url().max(2048).optional(),
    /** CSS colour of buttons and links, `#rrggbb`. */
    primaryColor: z
      .string()
      .regex(/^#[0-9a-fA-F]{6}$/)
      .optional(),
  }),
});
export type AuthLiveSettings = z.infer<typeof authLiveSettingsSchema>;

/** `keys.json` of the pairwise salt; it never changes. */
export const pairwiseSaltSchema = z.object({ salt: z.string().min(32) });
export type PairwiseSalt = z.infer<typeof pairwiseSaltSchema>;

/** `keys.json`: the first one signs cookies, all of them verify. */
export const cookieKeysSchema = z.object({ keys: z.array(z.string().min(32)).min(1) });
export type CookieKeys = z.infer<typeof cookieKeysSchema>;
