import { z } from 'zod';
import { celRules, matches } from './cel-rules.ts';
import { conditionsSchema } from './conditions.ts';
import { identityTenantSchema } from './identity-tenant.ts';

/** Exact redirect URIs (RFC 9700): https, loopback http for native apps (RFC 8252), or a private-use scheme; no fragment. */
const redirectUriPattern =
  /^([a-z][a-z0-9+-]*\.[a-z0-9.+-]+:\/[^#\s]*|https:\/\/[^#\s]+|http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?(\/[^#\s]*)?)$/;

const redirectUriIn = (field: string) =>
  z
    .string()
    .max(2_048)
    .meta(
      celRules(
        matches(
          redirectUriPattern,
          `${field}: write an https URL; or, for a native app, http://localhost, http://127.0.0.1 or http://[::1], or a scheme of its own such as com.example.app:/callback; without fragment or spaces`,
        ),
      ),
    );

const deviceCodeGrantType = 'urn:ietf:params:oauth:grant-type:device_code';

/** What a tenant may sign with (`keys.algorithm`). */
const signingAlgorithmSchema = z.enum(['ES256', 'EdDSA', 'RS256', 'PS256']);

const httpsUriPattern = /^https:\/\/[^#\s]+$/;

const httpsUriIn = (field: string, description: string) =>
  z
    .string()
    .max(2_048)
    .optional()
    .describe(description)
    .meta(celRules(matches(httpsUriPattern, `${field}: write an https URL without fragment or spaces`)));

/** Members of public keys alone: a private key cannot be written here. */
const publicKeySchema = z.object({
  kty: z.enum(['EC', 'OKP', 'RSA']),
  kid: z.string().min(1).max(256).optional(),
  alg: z.enum(['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256']).optional(),
  use: z.enum(['sig']).optional(),
  crv: z.string().max(32).optional(),
  x: z.string().max(128).optional(),
  y: z.string().max(128).optional(),
  n: z.string().max(2_048).optional(),
  e: z.string().max(16).optional(),
  /** Base64 of DER, as in RFC 7517, 4.7. */
  x5c: z.array(z.string().min(1).max(8_192)).min(1).max(4).optional(),
});

const certificateMembers = ['subjectDN', 'sanDNS', 'sanURI', 'sanIP', 'sanEmail'] as const;

/** RFC 8705, 2.1.2. */
const tlsClientAuthSchema = z
  .object({
    subjectDN: z
      .string()
      .min(1)
      .max(1_024)
      .optional()
      .describe('The subject, as RFC 4514 writes it: `CN=billing,O=Shop,C=DE`.'),
    sanDNS: z.string().min(1).max(253).optional().describe('A DNS name among its alternative names.'),
    sanURI: z.string().min(1).max(2_048).optional().describe('A URI among them, such as the SPIFFE id of a workload.'),
    sanIP: z
      .string()
      .max(45)
      .optional()
      .describe('An IP address among them.')
      .meta(celRules({ rule: 'isIP(self)', message: 'tlsClientAuth.sanIP: write an address such as 10.0.0.7' })),
    sanEmail: z.string().min(1).max(254).optional().describe('An e-mail address among them.'),
  })
  .meta(
    celRules({
      rule: `[${certificateMembers.map((member) => `has(self.${member})`).join(', ')}].filter(given, given).size() == 1`,
      message: `tlsClientAuth: set exactly one of ${certificateMembers.join(', ')}`,
    }),
  );

export const clientSpecSchema = z
  .object({
    tenantRef: z.object({ name: z.string().min(1).max(63) }).describe('IdentityTenant in the same namespace.'),
    displayName: z.string().min(1).max(253).optional().describe('Shown to users. Default: the name of the object.'),
    grantTypes: z
      .array(z.enum(['authorization_code', 'refresh_token', 'client_credentials', deviceCodeGrantType]))
      .min(1)
      .max(4)
      .default(['authorization_code', 'refresh_token'])
      .describe('OAuth grant types that the client may use.')
      .meta({ 'x-kubernetes-list-type': 'set' }),
    redirectURIs: z
      .array(redirectUriIn('redirectURIs'))
      .max(100)
      .default([])
      .describe('Where codes may be sent: https, loopback http, or a private-use scheme. Compared exactly.'),
    postLogoutRedirectURIs: z
      .array(redirectUriIn('postLogoutRedirectURIs'))
      .max(100)
      .default([])
      .describe('Where people may be sent after signing out. Compared exactly.'),
    backchannelLogoutURI: httpsUriIn(
      'backchannelLogoutURI',
      'Where logout tokens are posted when somebody signs out. See docs/client.md.',
    ),
    scopes: z
      .array(z.string().min(1).max(256))
      .max(100)
      .default(['openid', 'offline_access', 'profile', 'email'])
      .describe('Scopes that the client may ask for.'),
    audiences: z
      .array(z.string().min(1).max(2_048))
      .max(100)
      .default([])
      .describe(
        'Audiences that access tokens may be asked for by `resource`; the first is the default. Empty: the issuer.',
      ),
    accessTokenFormat: z
      .enum(['JWT', 'Opaque'])
      .default('JWT')
      .describe(
        'JWT: APIs verify access tokens by themselves. Opaque: they ask by introspection, and hear of a revocation at once; the gateway takes JWTs alone.',
      ),
    introspectedAudiences: z
      .array(z.string().min(1).max(2_048))
      .max(100)
      .default([])
      .describe(
        'Audiences whose access tokens the client may introspect besides its own: those of the API that it is. It needs a secret or a key.',
      ),
    requirePushedAuthorizationRequests: z
      .boolean()
      .default(false)
      .describe('Authorization requests that were not pushed before (RFC 9126) are refused.'),
    requireSignedRequestObject: z
      .boolean()
      .default(false)
      .describe('Authorization requests that the client has not signed (RFC 9101) are refused. See jwks.'),
    dpopBoundAccessTokens: z
      .boolean()
      .default(false)
      .describe('Token requests without a DPoP proof (RFC 9449) are refused, so a stolen token alone opens nothing.'),
    idTokenSignedResponseAlg: signingAlgorithmSchema
      .optional()
      .describe(
        "The one algorithm of ID tokens that the application verifies. Set: it is registered only while it is the tenant's keys.algorithm.",
      ),
    authorizationSignedResponseAlg: signingAlgorithmSchema
      .optional()
      .describe(
        "Set: answers to authorization requests are signed (JARM) by this algorithm, which must be the tenant's keys.algorithm; requests for unsigned ones are refused.",
      ),
    subjectType: z
      .enum(['Public', 'Pairwise'])
      .default('Public')
      .describe(
        'Pairwise: people have another `sub` here than at clients of other sectors, so that applications cannot join what they know. Changing it makes strangers of all users.',
      ),
    sectorIdentifier: z
      .string()
      .max(253)
      .optional()
      .describe(
        'Host that stands for the sector of Pairwise: clients with the same one know a person by the same `sub`. Default: the host of the redirectURI, where there is one alone.',
      )
      .meta(
        celRules(
          matches(
            /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
            'sectorIdentifier: write a host name in lower case, without port and path',
          ),
        ),
      ),
    consent: z
      .enum(['Implicit', 'Required'])
      .default('Implicit')
      .describe(
        'Required: an application that is not yours. People are asked before it gets anything of theirs, and can take that back.',
      ),
    tokenEndpointAuthMethod: z
      .enum([
        'client_secret_basic',
        'client_secret_post',
        'private_key_jwt',
        'tls_client_auth',
        'self_signed_tls_client_auth',
        'none',
      ])
      .default('client_secret_basic')
      .describe(
        'none: a public client, such as a single-page or native app, which has no secret. private_key_jwt: the client signs with a key of its own; see jwks and jwksURI. tls_client_auth, self_signed_tls_client_auth: by the certificate of its connection (RFC 8705); see tlsClientAuth, or the `x5c` of jwks.',
      ),
    jwks: z
      .object({ keys: z.array(publicKeySchema).min(1).max(10) })
      .optional()
      .describe(
        'Public keys of the client, as a JSON Web Key Set: for private_key_jwt and signed authorization requests.',
      ),
    tlsClientAuth: tlsClientAuthSchema
      .optional()
      .describe(
        'For tls_client_auth: what a certificate of the CA in `gateway.clientCertificates` of the tenant has to say to be the client.',
      ),
    certificateBoundAccessTokens: z
      .boolean()
      .default(false)
      .describe('Access tokens are worth nothing without the certificate that they were asked for with (RFC 8705).'),
    serviceAccountRef: z
      .object({ name: z.string().min(1).max(253) })
      .optional()
      .describe(
        'ServiceAccount in the same namespace whose projected tokens, for the audience of the issuer, are the assertions of the client: no secret and no key of its own. Goes with private_key_jwt.',
      ),
    jwksURI: httpsUriIn(
      'jwksURI',
      'Where those keys are fetched from, in place of jwks. See docs/client.md for what it must be reachable by.',
    ),
    secret: z
      .object({
        name: z
          .string()
          .min(1)
          .max(253)
          .optional()
          .describe('Name of the Secret that is made. Default: `<name>-oidc`.'),
      })
      .prefault({})
      .describe('The Secret that the operator writes for the application.'),
  })
  .meta(
    celRules(
      {
        rule: "!self.grantTypes.exists(g, g == 'authorization_code') || size(self.redirectURIs) > 0",
        message: 'redirectURIs must name at least one URI for the grant type authorization_code',
      },
      {
        rule: "!(self.tokenEndpointAuthMethod == 'none' && self.grantTypes.exists(g, g == 'client_credentials'))",
        message:
          'grantTypes cannot hold client_credentials for a public client: choose another tokenEndpointAuthMethod',
      },
      {
        rule: "self.tokenEndpointAuthMethod != 'private_key_jwt' || has(self.jwks) || has(self.jwksURI) || has(self.serviceAccountRef)",
        message:
          'jwks must hold a public key, or jwksURI or serviceAccountRef name some, for the tokenEndpointAuthMethod private_key_jwt',
      },
      {
        rule: "!has(self.serviceAccountRef) || self.tokenEndpointAuthMethod == 'private_key_jwt'",
        message: 'serviceAccountRef goes with the tokenEndpointAuthMethod private_key_jwt: write that too',
      },
      {
        rule: '!self.requireSignedRequestObject || has(self.jwks) || has(self.jwksURI)',
        message: 'jwks must hold a public key, or jwksURI name some, for requireSignedRequestObject',
      },
      {
        rule: "self.subjectType == 'Public' || has(self.sectorIdentifier) || (size(self.redirectURIs) == 1 && self.redirectURIs[0].startsWith('https://'))",
        message:
          'sectorIdentifier must be set for subjectType Pairwise, unless there is one redirectURI alone, an https URL',
      },
      {
        rule: "self.subjectType == 'Public' || !self.grantTypes.exists(g, g == 'urn:ietf:params:oauth:grant-type:device_code')",
        message: 'subjectType: Pairwise is not there for the device flow',
      },
      { rule: '!has(self.jwks) || !has(self.jwksURI)', message: 'jwksURI: write it or jwks, not both' },
      {
        rule: "!(self.requirePushedAuthorizationRequests || self.requireSignedRequestObject || has(self.authorizationSignedResponseAlg)) || self.grantTypes.exists(g, g == 'authorization_code')",
        message:
          'grantTypes must hold authorization_code for requirePushedAuthorizationRequests, requireSignedRequestObject and authorizationSignedResponseAlg',
      },
      {
        rule: "size(self.introspectedAudiences) == 0 || self.tokenEndpointAuthMethod != 'none'",
        message: 'introspectedAudiences cannot be named for a public client: choose another tokenEndpointAuthMethod',
      },
      {
        rule: "(self.tokenEndpointAuthMethod == 'tls_client_auth') == has(self.tlsClientAuth)",
        message: 'tlsClientAuth goes together with the tokenEndpointAuthMethod tls_client_auth: set both, or none',
      },
      {
        rule: "self.tokenEndpointAuthMethod != 'self_signed_tls_client_auth' || has(self.jwksURI) || (has(self.jwks) && self.jwks.keys.all(k, has(k.x5c)))",
        message:
          'jwks must hold the certificate of each of its keys, x5c, or jwksURI name some, for the tokenEndpointAuthMethod self_signed_tls_client_auth',
      },
      {
        rule: 'self.tenantRef.name == oldSelf.tenantRef.name',
        message: 'tenantRef cannot be changed: create another IdentityClient',
      },
    ),
  );

export const clientStatusSchema = z.object({
  observedGeneration: z.int().optional().describe('Generation of the spec that the status speaks of.'),
  conditions: conditionsSchema.optional().describe('See docs/conditions.md.'),
  clientId: z.string().max(253).optional().describe('`client_id` of the application.'),
  binding: z
    .object({ name: z.string().max(253) })
    .optional()
    .describe('Secret with issuer, client-id and client-secret, by the Service Binding specification.'),
  registryRevision: z.int().optional().describe('Revision of the client registry of auth that holds this client.'),
});
export type ClientStatus = z.output<typeof clientStatusSchema>;

export const identityClientSchema = z.object({
  metadata: identityTenantSchema.shape.metadata,
  spec: clientSpecSchema,
  status: clientStatusSchema.prefault({}),
});
export type IdentityClient = z.output<typeof identityClientSchema>;

/** Name of the Secret that a client gets. */
export const bindingName = ({ metadata, spec }: IdentityClient): string => spec.secret.name ?? `${metadata.name}-oidc`;
