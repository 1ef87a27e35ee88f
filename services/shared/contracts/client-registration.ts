import { z } from 'zod';
import { signingAlgorithmSchema } from './keyring.ts';

export const deviceCodeGrantType = 'urn:ietf:params:oauth:grant-type:device_code';

/** Whether PostgreSQL can hold every text in it: it takes neither null bytes nor halves of characters. */
const isStorable = (value: unknown): boolean => {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every((entry) => entry.every(isStorable));
};

/** Ways of a client to prove itself by the certificate of its connection (RFC 8705). */
const certificateAuthMethods = ['tls_client_auth', 'self_signed_tls_client_auth'] as const;

/** The one thing that a client's certificate has to say (RFC 8705, 2.1.2), besides being of a CA that the tenant trusts. */
const certificateSubjectSchema = z
  .object({
    /** RFC 4514: `CN=billing,O=Shop\\, Ltd,C=DE`. */
    subjectDn: z.string().min(1).max(1024),
    sanDns: z.string().min(1).max(253),
    sanUri: z.string().min(1).max(2048),
    sanIp: z.union([z.ipv4(), z.ipv6()]),
    sanEmail: z.string().min(1).max(254),
  })
  .partial()
  .refine((subject) => Object.keys(subject).length === 1);
export type CertificateSubject = z.infer<typeof certificateSubjectSchema>;

const httpsUri = z
  .string()
  .max(2048)
  .refine((uri) => URL.parse(uri)?.protocol === 'https:');

export const clientIdSchema = z.string().min(1).max(253).refine(isStorable);

/**
 * An OpenID client as the operator writes it to auth: `PUT /internal/clients/{clientId}` (mTLS, role operator), and as
 * `make dev` reads it from a file. Members are RFC 7591's, in camel case as everywhere in this project.
 */
export const clientRegistrationSchema = z
  .object({
    clientId: clientIdSchema,
    clientName: z.string().max(253).optional(),
    grantTypes: z
      .array(z.enum(['authorization_code', 'refresh_token', 'client_credentials', deviceCodeGrantType]))
      .min(1),
    redirectUris: z.array(z.string().max(2048)).max(100),
    postLogoutRedirectUris: z.array(z.string().max(2048)).max(100),
    scopes: z.array(z.string().min(1).max(256)).max(100),
    /** Resource indicators (RFC 8707) that the client may ask access tokens for. The first one is the default. */
    audiences: z.array(z.string().min(1).max(2048)).max(100),
    /** `opaque`: access tokens that are looked up, and gone at once when they are revoked. Absent: `jwt`. */
    accessTokenFormat: z.enum(['jwt', 'opaque']).optional(),
    /** Audiences whose access tokens the client may introspect besides its own: it is the API that they are for. */
    introspectedAudiences: z.array(z.string().min(1).max(2048)).max(100).optional(),
    /** Refuses authorization requests that were not pushed before (RFC 9126). */
    requirePushedAuthorizationRequests: z.boolean().optional(),
    /** Refuses authorization requests that the client has not signed (RFC 9101). */
    requireSignedRequestObject: z.boolean().optional(),
    /** Refuses tokens without a DPoP proof (RFC 9449). */
    dpopBoundAccessTokens: z.boolean().optional(),
    /** Binds access tokens to the certificate that they were asked for with (RFC 8705, 3). */
    certificateBoundAccessTokens: z.boolean().optional(),
    /** `tls_client_auth`: whose certificates are the client's. */
    tlsClientAuth: certificateSubjectSchema.optional(),
    /** The one algorithm of ID tokens that the client verifies: with any other one of the tenant's it is refused. */
    idTokenSignedResponseAlg: signingAlgorithmSchema.optional(),
    /** Answers to authorization requests are signed (JARM), by this algorithm; others are refused. */
    authorizationSignedResponseAlg: signingAlgorithmSchema.optional(),
    /** `pairwise`: people have another `sub` at each sector. Absent: `public`, the same everywhere. */
    subjectType: z.enum(['public', 'pairwise']).optional(),
    /** Host of the sector; absent: that of the redirect URIs, which must be one then. */
    sectorIdentifier: z
      .string()
      .max(253)
      .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/)
      .optional(),
    /** `system:serviceaccount:<namespace>:<name>`: the client proves itself by tokens of this service account alone. */
    serviceAccountSubject: z.string().min(1).max(512).optional(),
    /** Where the client's public keys are fetched from, in place of `jwks`; https. */
    jwksUri: httpsUri.optional(),
    /** Public keys by which the client signs request objects and assertions; their `x5c` are its own certificates. */
    jwks: z
      .object({
        keys: z
          .array(z.looseObject({ kty: z.string() }))
          .min(1)
          .max(20),
      })
      .optional(),
    /** Where logout tokens are posted when somebody signs out (OpenID Connect Back-Channel Logout); https. */
    backchannelLogoutUri: httpsUri.optional(),
    /** `required`: an application of somebody else's, for which people are asked. Absent: the tenant's own. */
    consent: z.enum(['implicit', 'required']).optional(),
    tokenEndpointAuthMethod: z.enum([
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
      ...certificateAuthMethods,
      'none',
    ]),
    /** SHA-256 of each secret that is accepted, base64url. A generated secret of 256 bits needs no slow hash. */
    secretHashes: z.array(z.string().length(43)).max(2),
  })
  .refine(isStorable);
export type ClientRegistration = z.infer<typeof clientRegistrationSchema>;

/** Answer to `PUT` and `DELETE /internal/clients/{clientId}`: the registry's revision that contains the change. */
export const clientRegistryRevisionSchema = z.object({ revision: z.int().min(0) });
export type ClientRegistryRevision = z.infer<typeof clientRegistryRevisionSchema>;
