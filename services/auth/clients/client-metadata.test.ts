import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import { buildClientMetadata, defaultAudience, isAudienceAllowed } from './client-metadata.ts';
import { matchesClientSecret } from './client-secret.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url');

const registration: ClientRegistration = {
  clientId: 'shop',
  clientName: 'Shop',
  grantTypes: ['authorization_code', 'refresh_token'],
  redirectUris: ['https://shop.example/callback'],
  postLogoutRedirectUris: ['https://shop.example/'],
  scopes: ['openid', 'email', 'orders:read'],
  audiences: ['https://api.example', 'https://other.example'],
  tokenEndpointAuthMethod: 'client_secret_basic',
  secretHashes: [sha256('first'), sha256('second')],
};

describe('buildClientMetadata', () => {
  it('maps a web client, with the identity scopes only and hashes in place of secrets', () => {
    expect(buildClientMetadata(registration)).toEqual({
      client_id: 'shop',
      client_name: 'Shop',
      application_type: 'web',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: ['https://shop.example/callback'],
      post_logout_redirect_uris: ['https://shop.example/'],
      scope: 'openid email',
      token_endpoint_auth_method: 'client_secret_basic',
      client_secret: `${sha256('first')}.${sha256('second')}`,
    });
  });

  it('asks for the session in logout tokens', () => {
    const backchannelLogoutUri = 'https://shop.example/logout';
    expect(buildClientMetadata({ ...registration, backchannelLogoutUri })).toMatchObject({
      backchannel_logout_uri: backchannelLogoutUri,
      backchannel_logout_session_required: true,
    });
  });

  it('holds a client to what it demands of itself', () => {
    const jwksUri = 'https://shop.example/keys';
    const duties = {
      jwksUri,
      requirePushedAuthorizationRequests: true,
      requireSignedRequestObject: true,
      dpopBoundAccessTokens: true,
      idTokenSignedResponseAlg: 'ES256' as const,
      authorizationSignedResponseAlg: 'ES256' as const,
    };
    expect(buildClientMetadata({ ...registration, ...duties })).toMatchObject({
      jwks_uri: jwksUri,
      require_pushed_authorization_requests: true,
      require_signed_request_object: true,
      dpop_bound_access_tokens: true,
      id_token_signed_response_alg: 'ES256',
      authorization_signed_response_alg: 'ES256',
      response_modes: ['jwt', 'query.jwt', 'form_post.jwt'],
    });
  });

  it('maps a service without redirects and an app with a scheme of its own', () => {
    const service = buildClientMetadata({ ...registration, grantTypes: ['client_credentials'], redirectUris: [] });
    expect(service.response_types).toEqual([]);
    const app = {
      ...registration,
      redirectUris: ['com.example.shop:/callback'],
      tokenEndpointAuthMethod: 'none' as const,
    };
    expect(buildClientMetadata(app)).toMatchObject({ application_type: 'native' });
    expect(buildClientMetadata(app)).not.toHaveProperty('client_secret');
  });
});

describe('audiences', () => {
  it('falls back to the issuer and allows what is registered only', () => {
    const issuer = 'https://id.example';
    const without = { ...registration, audiences: [] };
    expect(defaultAudience(registration, issuer)).toBe('https://api.example');
    expect(defaultAudience(without, issuer)).toBe(issuer);
    expect(isAudienceAllowed(registration, issuer, 'https://other.example')).toBe(true);
    expect(isAudienceAllowed(registration, issuer, issuer)).toBe(false);
    expect(isAudienceAllowed(without, issuer, issuer)).toBe(true);
    expect(isAudienceAllowed(without, issuer, 'https://api.example')).toBe(false);
  });
});

describe('matchesClientSecret', () => {
  it.each([
    ['first', true],
    ['second', true],
    ['third', false],
    ['', false],
    [sha256('first'), false],
  ])('%j: %s', (secret, expected) => {
    expect(matchesClientSecret(registration.secretHashes, secret)).toBe(expected);
  });

  it('accepts nothing without a hash', () => {
    expect(matchesClientSecret([], '')).toBe(false);
  });
});
