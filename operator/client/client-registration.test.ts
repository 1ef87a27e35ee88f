import { describe, expect, it } from 'vitest';
import { clientRegistrationSchema } from '../../services/shared/contracts/client-registration.ts';
import { identityClientSchema } from '../api/identity-client.ts';
import { identityTenantSchema } from '../api/identity-tenant.ts';
import { buildClientRegistration } from './client-registration.ts';

const metadata = { namespace: 'shop', uid: 'u', resourceVersion: '1', generation: 1 };
const tenant = identityTenantSchema.parse({
  metadata: { ...metadata, name: 'acme' },
  spec: { issuer: 'https://id.acme.example' },
});

const build = (spec: Record<string, unknown>) =>
  buildClientRegistration(
    identityClientSchema.parse({
      metadata: { ...metadata, name: 'app' },
      spec: { tenantRef: { name: 'acme' }, redirectURIs: ['https://app.example/callback'], ...spec },
    }),
    tenant,
    undefined,
  );

describe('buildClientRegistration', () => {
  it('asks for nothing special where the spec says nothing', () => {
    const registration = build({});
    expect(registration).toEqual({
      clientId: 'app',
      clientName: 'app',
      grantTypes: ['authorization_code', 'refresh_token'],
      redirectUris: ['https://app.example/callback'],
      postLogoutRedirectUris: [],
      scopes: ['openid', 'offline_access', 'profile', 'email'],
      audiences: ['https://id.acme.example'],
      accessTokenFormat: 'jwt',
      introspectedAudiences: [],
      requirePushedAuthorizationRequests: false,
      requireSignedRequestObject: false,
      dpopBoundAccessTokens: false,
      subjectType: 'public',
      consent: 'implicit',
      tokenEndpointAuthMethod: 'client_secret_basic',
      secretHashes: [],
    });
    expect(clientRegistrationSchema.parse(registration)).toEqual(registration);
  });

  const jwks = { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }] };
  it.each([
    [{ grantTypes: ['urn:ietf:params:oauth:grant-type:device_code'] }],
    [{ accessTokenFormat: 'Opaque' }, { accessTokenFormat: 'opaque' }],
    [{ introspectedAudiences: ['https://api.acme.example'] }],
    [{ requirePushedAuthorizationRequests: true }],
    [{ requireSignedRequestObject: true, jwks }],
    [{ dpopBoundAccessTokens: true }],
    [{ idTokenSignedResponseAlg: 'ES256' }],
    [{ authorizationSignedResponseAlg: 'PS256' }],
    [{ jwksURI: 'https://app.example/keys' }, { jwksUri: 'https://app.example/keys' }],
    [{ backchannelLogoutURI: 'https://app.example/logout' }, { backchannelLogoutUri: 'https://app.example/logout' }],
    [{ certificateBoundAccessTokens: true }],
    [
      { tokenEndpointAuthMethod: 'tls_client_auth', tlsClientAuth: { sanURI: 'spiffe://a/b' } },
      { tokenEndpointAuthMethod: 'tls_client_auth', tlsClientAuth: { sanUri: 'spiffe://a/b' } },
    ],
    [
      { tokenEndpointAuthMethod: 'tls_client_auth', tlsClientAuth: { subjectDN: 'CN=a' } },
      { tlsClientAuth: { subjectDn: 'CN=a' } },
    ],
    [{ tlsClientAuth: { sanDNS: 'a.example' } }, { tlsClientAuth: { sanDns: 'a.example' } }],
    [{ tlsClientAuth: { sanIP: '10.0.0.7' } }, { tlsClientAuth: { sanIp: '10.0.0.7' } }],
    [{ tlsClientAuth: { sanEmail: 'a@b.example' } }],
    [
      { tokenEndpointAuthMethod: 'private_key_jwt', serviceAccountRef: { name: 'orders' } },
      { tokenEndpointAuthMethod: 'private_key_jwt', serviceAccountSubject: 'system:serviceaccount:shop:orders' },
    ],
    [
      { subjectType: 'Pairwise', sectorIdentifier: 'acme.example' },
      { subjectType: 'pairwise', sectorIdentifier: 'acme.example' },
    ],
    [{ consent: 'Required' }, { consent: 'required' }],
  ])('tells auth of %j', (spec: Record<string, unknown>, expected: Record<string, unknown> = spec) => {
    const registration = build(spec);
    expect(registration).toMatchObject(expected);
    expect(clientRegistrationSchema.parse(registration)).toEqual(registration);
  });
});
