import { decodeJwt, decodeProtectedHeader } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningService } from '../shared/service-process.ts';
import {
  type AuthFixture,
  app,
  issuer,
  putClient,
  shop,
  shopSecret,
  startAuthFixture,
} from './testing/auth-fixture.ts';
import type { Send } from './testing/browser.ts';
import { ada, discover, register, signIn, startAuthorization } from './testing/relying-party.ts';

let fixture: AuthFixture;
let service: RunningService;
let send: Send;
const services = () => [service];

beforeAll(async () => {
  fixture = await startAuthFixture();
  service = await fixture.start();
  send = fixture.send('gateway', services);
  const operator = fixture.send('operator', services);
  await putClient(operator, shop);
  await putClient(operator, app);
});
afterAll(() => fixture?.stop());

describe('a first sign-in', () => {
  it('registers, signs in by code and PKCE, reads userinfo, refreshes, and signs out', async () => {
    const configuration = await discover(send, shop, shopSecret);
    const browser = fixture.browser(services);
    const { url, checks } = await startAuthorization(configuration, {
      redirect_uri: 'https://shop.example/callback',
      scope: 'openid email profile orders:read',
    });
    const signInPage = await browser.open(url);
    expect(signInPage.status).toBe(200);
    expect(signInPage.html).toContain('to continue to The Shop');
    const registered = await register(browser, signInPage, ada);
    expect(registered.html).toContain('your account is ready');
    const callback = await browser.submit(registered, { email: ada.email, password: ada.password });
    expect(callback.url.origin).toBe('https://shop.example');
    expect(callback.url.searchParams.get('iss')).toBe(issuer);

    const tokens = await client.authorizationCodeGrant(configuration, callback.url, checks);
    const claims = tokens.claims();
    expect(claims).toMatchObject({ iss: issuer, aud: 'shop', email: ada.email, name: ada.name, acr: 'pwd' });
    expect(decodeProtectedHeader(tokens.access_token)).toMatchObject({
      typ: 'at+jwt',
      alg: 'ES256',
      kid: fixture.keys[0]?.key.kid,
    });
    expect(decodeJwt(tokens.access_token)).toMatchObject({
      iss: issuer,
      aud: 'https://api.shop.example',
      sub: claims?.sub,
      client_id: 'shop',
      scope: 'openid email profile orders:read',
      gid: expect.any(String),
    });
    // One for all clients: it would join what pairwise subjects keep apart.
    expect(decodeJwt(tokens.access_token)).not.toHaveProperty('sid');

    const subject = claims?.sub ?? '';
    const userinfo = await client.fetchUserInfo(configuration, tokens.access_token, subject);
    expect(userinfo).toEqual({ sub: subject, email: ada.email, email_verified: false, name: ada.name });

    const refreshed = await client.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token);
    expect(refreshed.claims()?.sub).toBe(subject);

    const signOut = await browser.open(
      client.buildEndSessionUrl(configuration, {
        id_token_hint: tokens.id_token ?? '',
        post_logout_redirect_uri: 'https://shop.example/bye',
        state: 'farewell',
      }),
    );
    expect(signOut.html).toContain('Sign out?');
    const bye = await browser.submit(signOut, { logout: 'yes' });
    expect(bye.url.href).toBe('https://shop.example/bye?state=farewell');
    await expect(client.refreshTokenGrant(configuration, refreshed.refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    await expect(client.fetchUserInfo(configuration, refreshed.access_token, subject)).rejects.toThrow();
  });
});

describe('a sign-in of a certain age', () => {
  const parameters = { redirect_uri: 'https://shop.example/callback', scope: 'openid' };

  it('asks again by max_age, and says when and how it was', async () => {
    const configuration = await discover(send, shop, shopSecret);
    const browser = fixture.browser(services);
    const first = await signIn(browser, configuration, { parameters: { ...parameters, max_age: '600' } });
    const claims = (await client.authorizationCodeGrant(configuration, first.callback, first.checks)).claims();
    expect(claims).toMatchObject({ acr: 'pwd', auth_time: expect.any(Number) });

    const silent = async (maxAge: string) => {
      const { url } = await startAuthorization(configuration, { ...parameters, prompt: 'none', max_age: maxAge });
      return (await browser.open(url)).url.searchParams;
    };
    expect((await silent('600')).get('code')).toEqual(expect.any(String));
    expect((await silent('0')).get('error')).toBe('login_required');

    const { url, checks } = await startAuthorization(configuration, { ...parameters, max_age: '0' });
    const page = await browser.open(url);
    expect(page.forms).not.toEqual([]);
    const callback = await browser.submit(page, { email: ada.email, password: ada.password });
    const again = (await client.authorizationCodeGrant(configuration, callback.url, checks)).claims();
    expect(again?.sub).toBe(claims?.sub);
    expect(again?.auth_time).toBeGreaterThanOrEqual(claims?.auth_time ?? Number.POSITIVE_INFINITY);
  });
});
