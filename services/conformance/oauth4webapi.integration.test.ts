import { exportJWK, generateKeyPair } from 'jose';
import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { app, issuer, shop, shopSecret } from '../auth/testing/auth-fixture.ts';
import type { Browser } from '../auth/testing/browser.ts';
import { ada, discover, register, startAuthorization } from '../auth/testing/relying-party.ts';
import { type ClientRegistration, deviceCodeGrantType } from '../shared/contracts/client-registration.ts';
import { type ConformanceStage, startConformanceStage } from './stage.ts';

const api = 'https://api.shop.example';
const signing: ClientRegistration = { ...shop, clientId: 'signing', requireSignedRequestObject: true };
const television: ClientRegistration = {
  ...app,
  clientId: 'television',
  grantTypes: [deviceCodeGrantType, 'refresh_token'],
  redirectUris: [],
};

let stage: ConformanceStage;
let browser: Browser;
let server: oauth.AuthorizationServer;
let requestKey: CryptoKey;
let http: { [oauth.customFetch]: (url: string, init: object) => Promise<Response> };

beforeAll(async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  requestKey = privateKey;
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kty: 'EC', alg: 'ES256', use: 'sig' }] };
  stage = await startConformanceStage([shop, app, television, { ...signing, jwks }]);
  // undici's Response is of the same standard as the global one that the library's types name.
  http = { [oauth.customFetch]: (url, init) => stage.send(new URL(url), init) as unknown as Promise<Response> };
  browser = stage.newBrowser();
  const { url } = await startAuthorization(await discover(stage.send, shop, shopSecret), request);
  const page = await register(browser, await browser.open(url), ada);
  await browser.submit(page, ada);
  server = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), http));
});
afterAll(() => stage?.stop());

const request = { redirect_uri: 'https://shop.example/callback', scope: 'openid email orders:read', prompt: 'consent' };
const shopClient: oauth.Client = { client_id: 'shop' };
const asShop = oauth.ClientSecretBasic(shopSecret);

/** What an authorization request has, and what its answer is checked with. */
const begin = async (parameters: Record<string, string>) => {
  const verifier = oauth.generateRandomCodeVerifier();
  const checks = { verifier, state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce() };
  const form = new URLSearchParams({
    response_type: 'code',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state: checks.state,
    nonce: checks.nonce,
    ...parameters,
  });
  return { form, checks };
};

/** By the session that Ada has. */
const authorize = async (parameters: URLSearchParams | Record<string, string>): Promise<URL> => {
  const url = new URL(server.authorization_endpoint ?? '');
  url.search = new URLSearchParams(parameters).toString();
  return (await browser.open(url)).url;
};

type Exchange = Awaited<ReturnType<typeof begin>>['checks'] & {
  answer: URLSearchParams;
  client?: oauth.Client;
  dpop?: oauth.DPoPHandle;
};

/** A code for tokens, with the one more round that a DPoP nonce costs. */
const exchange = async ({ answer, verifier, nonce, client = shopClient, dpop }: Exchange) => {
  const ask = () =>
    oauth.authorizationCodeGrantRequest(server, client, asShop, answer, request.redirect_uri, verifier, {
      ...http,
      ...(dpop && { DPoP: dpop }),
    });
  const read = async () =>
    oauth.processAuthorizationCodeResponse(server, client, await ask(), { expectedNonce: nonce, requireIdToken: true });
  try {
    return await read();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return read();
  }
};

const getTokens = async (dpop?: oauth.DPoPHandle) => {
  const { form, checks } = await begin({ client_id: 'shop', ...request, scope: `${request.scope} offline_access` });
  const answer = oauth.validateAuthResponse(server, shopClient, await authorize(form), checks.state);
  return exchange({ answer, ...checks, ...(dpop && { dpop }) });
};

/** What a service behind the gateway does with a token. */
const verifyAsApi = (headers: Record<string, string>, options?: oauth.ValidateJWTAccessTokenOptions) =>
  oauth.validateJwtAccessToken(server, new Request(`${api}/orders`, { headers }), api, { ...http, ...options });

describe('oauth4webapi', () => {
  it('code, ID token, userinfo, refresh, and the access token as its API reads it', async () => {
    const tokens = await getTokens();
    const subject = oauth.getValidatedIdTokenClaims(tokens)?.sub ?? '';
    const userinfo = await oauth.userInfoRequest(server, shopClient, tokens.access_token, http);
    expect(await oauth.processUserInfoResponse(server, shopClient, subject, userinfo)).toMatchObject({
      email: ada.email,
    });
    const refreshed = await oauth.processRefreshTokenResponse(
      server,
      shopClient,
      await oauth.refreshTokenGrantRequest(server, shopClient, asShop, tokens.refresh_token ?? '', http),
    );
    const claims = await verifyAsApi({
      authorization: `Bearer ${refreshed.access_token}`,
    });
    expect(claims).toMatchObject({ sub: subject, client_id: 'shop', aud: api, scope: 'openid email orders:read' });
  });

  it('client credentials, introspection, revocation', async () => {
    const tokens = await oauth.processClientCredentialsResponse(
      server,
      shopClient,
      await oauth.clientCredentialsGrantRequest(server, shopClient, asShop, { scope: 'orders:read' }, http),
    );
    await verifyAsApi({ authorization: `Bearer ${tokens.access_token}` });
    const introspect = async () =>
      oauth.processIntrospectionResponse(
        server,
        shopClient,
        await oauth.introspectionRequest(server, shopClient, asShop, tokens.access_token, http),
      );
    expect(await introspect()).toMatchObject({ active: true, scope: 'orders:read', iss: issuer });
    const revoke = await oauth.revocationRequest(server, shopClient, asShop, tokens.access_token, http);
    await oauth.processRevocationResponse(revoke);
    expect(await introspect()).toEqual({ active: false });
  });

  it('a request that is pushed and bound to a DPoP key, its tokens, and the API that wants the proof', async () => {
    const keys = await oauth.generateKeyPair('ES256');
    const dpop = oauth.DPoP(shopClient, keys);
    const { form, checks } = await begin(request);
    const push = async () =>
      oauth.processPushedAuthorizationResponse(
        server,
        shopClient,
        await oauth.pushedAuthorizationRequest(server, shopClient, asShop, form, { ...http, DPoP: dpop }),
      );
    const { request_uri } = await push().catch((error: unknown) => {
      if (!oauth.isDPoPNonceError(error)) throw error;
      return push();
    });
    const callback = await authorize({ client_id: 'shop', request_uri });
    const answer = oauth.validateAuthResponse(server, shopClient, callback, checks.state);
    const tokens = await exchange({ answer, ...checks, dpop });
    expect(tokens.token_type).toBe('dpop');

    // The proof that a client sends to its API, seen on the way.
    let sent = new Headers();
    await oauth.protectedResourceRequest(tokens.access_token, 'GET', new URL(`${api}/orders`), undefined, undefined, {
      DPoP: dpop,
      [oauth.customFetch]: async (_url, { headers }) => {
        sent = new Headers(headers);
        return new Response();
      },
    });
    const claims = await verifyAsApi(Object.fromEntries(sent), { requireDPoP: true });
    expect(claims.cnf?.jkt).toBe(await dpop.calculateThumbprint());
    const asBearer = { authorization: `Bearer ${tokens.access_token}` };
    await expect(verifyAsApi(asBearer)).rejects.toThrow();
  });

  it('a code that was asked for by one DPoP key is not given to another', async () => {
    const keys = await oauth.generateKeyPair('ES256');
    const thumbprint = await oauth.DPoP(shopClient, keys).calculateThumbprint();
    const { form, checks } = await begin({ client_id: 'shop', ...request, dpop_jkt: thumbprint });
    const answer = oauth.validateAuthResponse(server, shopClient, await authorize(form), checks.state);
    const other = oauth.DPoP(shopClient, await oauth.generateKeyPair('ES256'));
    await expect(exchange({ answer, ...checks, dpop: other })).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('a signed request, and an answer that is signed (JARM)', async () => {
    const client: oauth.Client = { client_id: 'signing' };
    const { form, checks } = await begin({ ...request, response_mode: 'jwt' });
    const signed = await oauth.issueRequestObject(server, client, form, { key: requestKey });
    const callback = await authorize({ client_id: 'signing', request: signed });
    const answer = await oauth.validateJwtAuthResponse(server, client, callback, checks.state, http);
    const tokens = await exchange({ answer, ...checks, client });
    expect(oauth.getValidatedIdTokenClaims(tokens)?.aud).toBe('signing');
  });

  it('a device, by its code', async () => {
    const client: oauth.Client = { client_id: 'television' };
    const device = await oauth.processDeviceAuthorizationResponse(
      server,
      client,
      await oauth.deviceAuthorizationRequest(server, client, oauth.None(), { scope: 'openid email' }, http),
    );
    const ask = async () =>
      oauth.processDeviceCodeResponse(
        server,
        client,
        await oauth.deviceCodeGrantRequest(server, client, oauth.None(), device.device_code, http),
      );
    await expect(ask()).rejects.toMatchObject({ error: 'authorization_pending' });
    const page = await browser.open(device.verification_uri_complete ?? '');
    await browser.submit(await browser.submit(page, {}), { confirm: 'yes' });
    expect(oauth.getValidatedIdTokenClaims(await ask())?.aud).toBe('television');
  });

  it('an answer of another issuer is refused by the client, since ours names itself (RFC 9207)', async () => {
    const { form, checks } = await begin({ client_id: 'shop', ...request });
    const callback = await authorize(form);
    expect(server.authorization_response_iss_parameter_supported).toBe(true);
    callback.searchParams.set('iss', 'https://evil.example');
    expect(() => oauth.validateAuthResponse(server, shopClient, callback, checks.state)).toThrow();
  });
});
