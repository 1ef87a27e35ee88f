import { createHash } from 'node:crypto';
import type { ClientRegistration } from '../../services/shared/contracts/client-registration.ts';
import type { IdentityClient } from '../api/identity-client.ts';
import type { IdentityTenant } from '../api/identity-tenant.ts';

/** Entries of a client's Secret, by the Service Binding specification's well-known names. */
export const bindingEntries = {
  type: 'type',
  provider: 'provider',
  issuer: 'issuer',
  clientId: 'client-id',
  clientSecret: 'client-secret',
} as const;

/** Clients stand beside their tenant, so the object's name is unique among the tenant's clients. */
export const clientIdOf = ({ metadata }: IdentityClient): string => metadata.name;

export const hasSecret = ({ spec }: IdentityClient): boolean =>
  spec.tokenEndpointAuthMethod.startsWith('client_secret_');

/** SHA-256, base64url: a generated secret of 256 bits needs no slow hash. */
const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('base64url');

const buildCertificateMembers = ({
  tlsClientAuth,
  certificateBoundAccessTokens,
}: IdentityClient['spec']): Pick<ClientRegistration, 'tlsClientAuth' | 'certificateBoundAccessTokens'> => ({
  ...(certificateBoundAccessTokens && { certificateBoundAccessTokens }),
  ...(tlsClientAuth !== undefined && {
    tlsClientAuth: {
      ...(tlsClientAuth.subjectDN !== undefined && { subjectDn: tlsClientAuth.subjectDN }),
      ...(tlsClientAuth.sanDNS !== undefined && { sanDns: tlsClientAuth.sanDNS }),
      ...(tlsClientAuth.sanURI !== undefined && { sanUri: tlsClientAuth.sanURI }),
      ...(tlsClientAuth.sanIP !== undefined && { sanIp: tlsClientAuth.sanIP }),
      ...(tlsClientAuth.sanEmail !== undefined && { sanEmail: tlsClientAuth.sanEmail }),
    },
  }),
});

/** What the application binds itself to. */
const buildDuties = (spec: IdentityClient['spec']): Partial<ClientRegistration> => ({
  requirePushedAuthorizationRequests: spec.requirePushedAuthorizationRequests,
  requireSignedRequestObject: spec.requireSignedRequestObject,
  dpopBoundAccessTokens: spec.dpopBoundAccessTokens,
  ...(spec.idTokenSignedResponseAlg !== undefined && { idTokenSignedResponseAlg: spec.idTokenSignedResponseAlg }),
  ...(spec.authorizationSignedResponseAlg !== undefined && {
    authorizationSignedResponseAlg: spec.authorizationSignedResponseAlg,
  }),
});

/** What auth is told of a client. An IdentityClient without audiences gets tokens for the issuer itself. */
export const buildClientRegistration = (
  client: IdentityClient,
  tenant: Pick<IdentityTenant, 'spec'>,
  secret: string | undefined,
): ClientRegistration => ({
  clientId: clientIdOf(client),
  clientName: client.spec.displayName ?? client.metadata.name,
  grantTypes: client.spec.grantTypes,
  redirectUris: client.spec.redirectURIs,
  postLogoutRedirectUris: client.spec.postLogoutRedirectURIs,
  scopes: client.spec.scopes,
  audiences: client.spec.audiences.length === 0 ? [tenant.spec.issuer] : client.spec.audiences,
  ...(client.spec.backchannelLogoutURI !== undefined && { backchannelLogoutUri: client.spec.backchannelLogoutURI }),
  ...buildCertificateMembers(client.spec),
  ...(client.spec.jwks !== undefined && { jwks: client.spec.jwks }),
  ...(client.spec.jwksURI !== undefined && { jwksUri: client.spec.jwksURI }),
  ...(client.spec.serviceAccountRef !== undefined && {
    serviceAccountSubject: `system:serviceaccount:${client.metadata.namespace}:${client.spec.serviceAccountRef.name}`,
  }),
  subjectType: client.spec.subjectType === 'Pairwise' ? 'pairwise' : 'public',
  ...(client.spec.sectorIdentifier !== undefined && { sectorIdentifier: client.spec.sectorIdentifier }),
  ...buildDuties(client.spec),
  accessTokenFormat: client.spec.accessTokenFormat === 'Opaque' ? 'opaque' : 'jwt',
  introspectedAudiences: client.spec.introspectedAudiences,
  consent: client.spec.consent === 'Required' ? 'required' : 'implicit',
  tokenEndpointAuthMethod: client.spec.tokenEndpointAuthMethod,
  secretHashes: secret === undefined ? [] : [hashSecret(secret)],
});
