import type { ClientMetadata } from 'oidc-provider';
import type { CertificateSubject, ClientRegistration } from '../../shared/contracts/client-registration.ts';

/** Scopes that stand for claims about the user; every other scope is an audience's own. */
export const identityScopes = ['openid', 'offline_access', 'email', 'profile'] as const;

const webProtocols = new Set(['https:', 'http:']);

/** A custom scheme makes it an app on a device (RFC 8252); oidc-provider has other rules for those. */
const hasCustomScheme = (uris: readonly string[]): boolean =>
  uris.some((uri) => {
    const protocol = URL.parse(uri)?.protocol;
    return protocol !== undefined && !webProtocols.has(protocol);
  });

const subjectMembers = {
  subjectDn: 'tls_client_auth_subject_dn',
  sanDns: 'tls_client_auth_san_dns',
  sanUri: 'tls_client_auth_san_uri',
  sanIp: 'tls_client_auth_san_ip',
  sanEmail: 'tls_client_auth_san_email',
} as const satisfies Record<keyof CertificateSubject, string>;

/** RFC 8705, 2.1.2. The library takes them of clients of this method alone. */
const buildCertificateSubject = ({ tokenEndpointAuthMethod, tlsClientAuth }: ClientRegistration): object =>
  tokenEndpointAuthMethod === 'tls_client_auth' && tlsClientAuth !== undefined
    ? Object.fromEntries(
        Object.entries(subjectMembers).flatMap(([member, name]) => {
          const value: unknown = Reflect.get(tlsClientAuth, member);
          return value === undefined ? [] : [[name, value]];
        }),
      )
    : {};
/** JARM's, without the fragment, which no server is sent. */
const signedResponseModes = ['jwt', 'query.jwt', 'form_post.jwt'] as const;

/** What the client demands of itself, so that nobody can do with less in its name. */
const buildRequirements = (registration: ClientRegistration): Partial<ClientMetadata> => ({
  ...(registration.jwks !== undefined && { jwks: registration.jwks }),
  ...(registration.jwksUri !== undefined && { jwks_uri: registration.jwksUri }),
  ...(registration.requirePushedAuthorizationRequests && { require_pushed_authorization_requests: true }),
  ...(registration.requireSignedRequestObject && { require_signed_request_object: true }),
  ...(registration.dpopBoundAccessTokens && { dpop_bound_access_tokens: true }),
  ...(registration.certificateBoundAccessTokens && { tls_client_certificate_bound_access_tokens: true }),
  ...(registration.idTokenSignedResponseAlg !== undefined && {
    id_token_signed_response_alg: registration.idTokenSignedResponseAlg,
  }),
  ...(registration.authorizationSignedResponseAlg !== undefined && {
    authorization_signed_response_alg: registration.authorizationSignedResponseAlg,
    response_modes: [...signedResponseModes],
  }),
});

/**
 * oidc-provider wants the address of a document that lists the redirect URIs, which tells others' clients apart: ours are
 * written by the tenant's owner, who may say what belongs together. It is not fetched.
 */
const buildSector = (registration: ClientRegistration): Partial<ClientMetadata> => ({
  subject_type: 'pairwise',
  ...(registration.sectorIdentifier !== undefined && {
    sector_identifier_uri: `https://${registration.sectorIdentifier}/`,
  }),
});

/** How the client proves itself; a service account's token takes the way of a secret (`service-account-assertions.ts`). */
const buildAuthentication = (registration: ClientRegistration): Partial<ClientMetadata> => {
  const { tokenEndpointAuthMethod: method, serviceAccountSubject, secretHashes } = registration;
  if (serviceAccountSubject !== undefined) {
    return { token_endpoint_auth_method: 'client_secret_post', client_secret: serviceAccountSubject };
  }
  return {
    token_endpoint_auth_method: method,
    ...buildCertificateSubject(registration),
    ...(method.startsWith('client_secret_') && { client_secret: secretHashes.join('.') || 'none is valid' }),
  };
};

/**
 * The client as oidc-provider reads it. Secrets never get there: it wants one for a confidential client, so it is given
 * the hashes, which also makes a changed secret a changed client, and asks `matchesClientSecret` for the comparison.
 */
export const buildClientMetadata = (registration: ClientRegistration): ClientMetadata => {
  const { grantTypes } = registration;
  const allowed = new Set(registration.scopes);
  const uris = [...registration.redirectUris, ...registration.postLogoutRedirectUris];
  const scope = identityScopes.filter((one) => allowed.has(one)).join(' ');
  return {
    client_id: registration.clientId,
    ...(registration.clientName !== undefined && { client_name: registration.clientName }),
    application_type: hasCustomScheme(uris) ? 'native' : 'web',
    grant_types: [...grantTypes],
    response_types: grantTypes.includes('authorization_code') ? ['code'] : [],
    redirect_uris: [...registration.redirectUris],
    post_logout_redirect_uris: [...registration.postLogoutRedirectUris],
    // A machine's client may have none of them, and an empty scope is refused.
    ...(scope !== '' && { scope }),
    ...buildRequirements(registration),
    ...(registration.subjectType === 'pairwise' && buildSector(registration)),
    ...(registration.backchannelLogoutUri !== undefined && {
      backchannel_logout_uri: registration.backchannelLogoutUri,
      backchannel_logout_session_required: true,
    }),
    ...buildAuthentication(registration),
  };
};

/** Audience of a token that was asked for without a `resource`: the client's first one, else the issuer itself. */
export const defaultAudience = ({ audiences }: ClientRegistration, issuer: string): string => audiences[0] ?? issuer;

/** May the client ask for tokens for this resource (RFC 8707)? */
export const isAudienceAllowed = (registration: ClientRegistration, issuer: string, resource: string): boolean =>
  registration.audiences.includes(resource) || resource === defaultAudience(registration, issuer);
