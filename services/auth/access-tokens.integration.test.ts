import { randomBytes } from 'node:crypto';
import { decodeJwt } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientRegistration } from '../shared/contracts/client-registration.ts';
import type { RunningService } from '../shared/service-process.ts';
import {
  type AuthFixture,
  app,
  hashSecret,
  issuer,
  putClient,
  shop,
  shopSecret,
  startAuthFixture,
} from './testing/auth-fixture.ts';
import type { Send } from './testing/browser.ts';
import { ada, discover, register, signIn, startAuthorization } from './testing/relying-party.ts';

const apiSecret = randomBytes(32).toString('base64url');
const machine: Omit<ClientRegistration, 'clientId'> = {
  grantTypes: ['client_credentials'],
  redirectUris: [],
  postLogoutRedirectUris: [],
  scopes: ['orders:read'],
  audiences: [],
  tokenEndpointAuthMethod: 'client_secret_basic',
  secretHashes: [hashSecret(apiSecret)],
};
/** The API that the shop's tokens are for, and one that they are not for. */
const api: ClientRegistration = {
  ...machine,
  clientId: 'api',
  introspectedAudiences: ['https://api.shop.example'],
};
const stranger: ClientRegistration = { ...machine, clientId: 'stranger' };
const opaqueShop: ClientRegistration = { ...shop, clientId: 'opaque-shop', accessTokenFormat: 'opaque' };

let fixture: AuthFixture;
let service: RunningService;
let send: Send;
const services = () => [service];

beforeAll(async () => {
  fixture = await startAuthFixture();
  service = await fixture.start();
  send = fixture.send('gateway', services);
  const operator = fixture.send('operator', services);
  for (const registration of [shop, app, api, stranger, opaqueShop]) await putClient(operator, registration);
  const browser = fixture.browser(services);
  const { url } = await startAuthorization(await discover(send, shop, shopSecret), parameters);
  await register(browser, await browser.open(url), ada);
});
afterAll(() => fixture?.stop());

const parameters = {
  redirect_uri: 'https://shop.example/callback',
  scope: 'openid email orders:read offline_access',
  prompt: 'consent',
};

const asShop = () => discover(send, shop, shopSecret);
const asOpaqueShop = () => discover(send, opaqueShop, shopSecret);
const asApi = () => discover(send, api, apiSecret);

const getTokens = async (configuration: client.Configuration) => {
  const { callback, checks } = await signIn(fixture.browser(services), configuration, { parameters });
  const tokens = await client.authorizationCodeGrant(configuration, callback, checks);
  return { ...tokens, refresh_token: tokens.refresh_token ?? '', subject: tokens.claims()?.sub ?? '' };
};

describe('introspection', () => {
  it('tells the API that a JWT is for what is in it, and the client whose it is', async () => {
    const tokens = await getTokens(await asShop());
    for (const configuration of [await asApi(), await asShop()]) {
      const answer = await client.tokenIntrospection(configuration, tokens.access_token);
      expect(answer).toEqual({ ...decodeJwt(tokens.access_token), active: true, token_type: 'Bearer' });
    }
  });

  it('tells the API the same of an opaque token', async () => {
    const tokens = await getTokens(await asOpaqueShop());
    expect(tokens.access_token).not.toContain('.');
    expect(await client.tokenIntrospection(await asApi(), tokens.access_token)).toMatchObject({
      active: true,
      token_type: 'Bearer',
      client_id: 'opaque-shop',
      sub: tokens.subject,
      aud: 'https://api.shop.example',
      scope: 'openid email orders:read',
      iss: issuer,
    });
  });

  it('tells the client of its refresh token, and nobody else', async () => {
    const tokens = await getTokens(await asShop());
    const own = await client.tokenIntrospection(await asShop(), tokens.refresh_token);
    expect(own).toMatchObject({ active: true, client_id: 'shop', sub: tokens.subject });
    expect(own.token_type).toBeUndefined();
    expect(await client.tokenIntrospection(await asApi(), tokens.refresh_token)).toEqual({ active: false });
  });

  it('tells nobody of another audience, of an ID token, of what has another signature, and of nothing at all', async () => {
    const tokens = await getTokens(await asShop());
    const configuration = await discover(send, stranger, apiSecret);
    const [header, payload, signature = ''] = tokens.access_token.split('.');
    const other = `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    for (const token of [tokens.access_token, tokens.refresh_token]) {
      expect(await client.tokenIntrospection(configuration, token)).toEqual({ active: false });
    }
    for (const token of [tokens.id_token ?? '', other, 'nothing', 'eyJhbGciOiJub25lIn0.e30.']) {
      expect(await client.tokenIntrospection(await asShop(), token)).toEqual({ active: false });
    }
  });

  it('wants a client that proves to be one', async () => {
    const tokens = await getTokens(await asShop());
    const wrong = await discover(send, api, shopSecret);
    await expect(client.tokenIntrospection(wrong, tokens.access_token)).rejects.toMatchObject({
      name: 'WWWAuthenticateChallengeError',
      status: 401,
    });
    const open = await discover(send, app);
    expect(await client.tokenIntrospection(open, tokens.access_token)).toEqual({ active: false });
  });

  it('of a machine’s token follows its client', async () => {
    const operator = fixture.send('operator', services);
    const brief: ClientRegistration = { ...machine, clientId: 'brief', audiences: ['https://api.shop.example'] };
    await putClient(operator, brief);
    const { access_token: token } = await client.clientCredentialsGrant(await discover(send, brief, apiSecret));
    expect(await client.tokenIntrospection(await asApi(), token)).toMatchObject({ active: true, sub: 'brief' });
    await operator(new URL('/internal/clients/brief', issuer), { method: 'DELETE' });
    expect(await client.tokenIntrospection(await asApi(), token)).toEqual({ active: false });
  });
});

describe('revocation', () => {
  it.each([
    ['a JWT', asShop],
    ['an opaque token', asOpaqueShop],
  ])('of %s ends that token alone, and may be repeated', async (_name, connect) => {
    const configuration = await connect();
    const tokens = await getTokens(configuration);
    await client.fetchUserInfo(configuration, tokens.access_token, tokens.subject);
    for (let time = 0; time < 2; time += 1) await client.tokenRevocation(configuration, tokens.access_token);
    expect(await client.tokenIntrospection(await asApi(), tokens.access_token)).toEqual({ active: false });
    await expect(client.fetchUserInfo(configuration, tokens.access_token, tokens.subject)).rejects.toMatchObject({
      status: 401,
    });
    const refreshed = await client.refreshTokenGrant(configuration, tokens.refresh_token);
    expect(await client.tokenIntrospection(await asApi(), refreshed.access_token)).toMatchObject({ active: true });
    await client.fetchUserInfo(configuration, refreshed.access_token, tokens.subject);
  });

  it.each([
    ['JWTs', asShop],
    ['opaque tokens', asOpaqueShop],
  ])('of a refresh token ends its family, with its %s', async (_name, connect) => {
    const configuration = await connect();
    const tokens = await getTokens(configuration);
    await client.tokenRevocation(configuration, tokens.refresh_token);
    expect(await client.tokenIntrospection(await asApi(), tokens.access_token)).toEqual({ active: false });
    await expect(client.refreshTokenGrant(configuration, tokens.refresh_token)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });

  it('of another client’s token is refused, and of none is no fault', async () => {
    const tokens = await getTokens(await asShop());
    const opaque = await getTokens(await asOpaqueShop());
    for (const token of [tokens.access_token, tokens.refresh_token, opaque.access_token]) {
      await expect(client.tokenRevocation(await asApi(), token)).rejects.toMatchObject({ error: 'invalid_request' });
    }
    expect(await client.tokenIntrospection(await asShop(), tokens.access_token)).toMatchObject({ active: true });
    await client.tokenRevocation(await asApi(), 'nothing');
    await client.tokenRevocation(await asApi(), 'eyJhbGciOiJub25lIn0.e30.');
  });
});

describe('a token-store that is away', () => {
  it('makes introspection, revocation and userinfo requests to repeat', async () => {
    const tokens = await getTokens(await asShop());
    const headers = {
      authorization: `Basic ${Buffer.from(`shop:${shopSecret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    };
    const post = (path: string, token: string) =>
      send(new URL(path, issuer), { method: 'POST', headers, body: new URLSearchParams({ token }).toString() });
    await fixture.stopTokenStore();
    const answers = [
      await post('/oauth2/introspect', tokens.access_token),
      await post('/oauth2/introspect', tokens.refresh_token),
      await post('/oauth2/revoke', tokens.access_token),
      await post('/oauth2/revoke', tokens.refresh_token),
      await send(new URL('/oauth2/userinfo', issuer), { headers: { authorization: `Bearer ${tokens.access_token}` } }),
    ];
    await fixture.startTokenStore();
    for (const answer of answers) {
      expect([answer.status, await answer.json()]).toEqual([
        503,
        { error: 'temporarily_unavailable', error_description: 'try again' },
      ]);
      expect(answer.headers.get('retry-after')).not.toBeNull();
    }
    expect(await client.tokenIntrospection(await asShop(), tokens.access_token)).toMatchObject({ active: true });
  });
});
