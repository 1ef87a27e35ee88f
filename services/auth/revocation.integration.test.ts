import { decodeJwt } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningService } from '../shared/service-process.ts';
import { eventually } from '../shared/testing/condition.ts';
import type { TokenStoreClient } from '../token-store/client/token-store-client.ts';
import { type AuthFixture, issuer, putClient, shop, shopSecret, startAuthFixture } from './testing/auth-fixture.ts';
import type { Browser, Send } from './testing/browser.ts';
import { ada, discover, register, signIn, startAuthorization } from './testing/relying-party.ts';

let fixture: AuthFixture;
let service: RunningService;
let send: Send;
let operator: Send;
let store: TokenStoreClient;
const services = () => [service];
const parameters = { redirect_uri: 'https://shop.example/callback', scope: 'openid email' };

beforeAll(async () => {
  fixture = await startAuthFixture();
  service = await fixture.start();
  send = fixture.send('gateway', services);
  operator = fixture.send('operator', services);
  store = fixture.store.client(fixture.settings().tokenStore.port);
  await putClient(operator, shop);
  const browser = fixture.browser(services);
  const { url } = await startAuthorization(await discover(send, shop, shopSecret), parameters);
  await register(browser, await browser.open(url), ada);
});
afterAll(() => fixture?.stop());

const signInWith = async (browser: Browser) => {
  const configuration = await discover(send, shop, shopSecret);
  const { callback, checks } = await signIn(browser, configuration, { parameters });
  const tokens = await client.authorizationCodeGrant(configuration, callback, checks);
  return { configuration, subject: tokens.claims()?.sub ?? '', refreshToken: tokens.refresh_token ?? '', tokens };
};
type SignedIn = Awaited<ReturnType<typeof signInWith>>;

const userinfoStatus = async ({ tokens }: SignedIn) => {
  const authorization = `Bearer ${tokens.access_token}`;
  return (await send(new URL('/oauth2/userinfo', issuer), { headers: { authorization } })).status;
};
const refreshes = ({ configuration, refreshToken }: SignedIn) =>
  client.refreshTokenGrant(configuration, refreshToken).then(
    () => true,
    () => false,
  );

describe('revoking everything of a subject', () => {
  it('ends tokens and the session of the browser; signing in again works', async () => {
    const browser = fixture.browser(services);
    const before = await signInWith(browser);
    expect(await userinfoStatus(before)).toBe(200);
    await store.revoke({ by: 'subject', subject: before.subject });
    expect(await userinfoStatus(before)).toBe(401);
    expect(await refreshes(before)).toBe(false);
    // Its cookie signs nobody in: the page asks for the password.
    const { url } = await startAuthorization(before.configuration, parameters);
    const page = await browser.open(url);
    expect(page.url.origin).toBe(issuer);
    const answer = await browser.submit(page, ada);
    expect(answer.url.origin).toBe('https://shop.example');
    const after = await signInWith(fixture.browser(services));
    expect(await userinfoStatus(after)).toBe(200);
    expect(await refreshes(after)).toBe(true);
  });

  it('ends a sign-in whose password was verified before, and none whose was after', async () => {
    const browser = fixture.browser(services);
    const configuration = await discover(send, shop, shopSecret);
    const { url } = await startAuthorization(configuration, parameters);
    const page = await browser.open(url);
    const { subject } = await signInWith(fixture.browser(services));
    await store.revoke({ by: 'subject', subject });
    // Begun before, verified after.
    expect((await browser.submit(page, ada)).url.origin).toBe('https://shop.example');
    const { sessions } = await store.listSessions({ subject });
    expect(sessions).toHaveLength(1);
    expect(sessions[0]?.payload['accountId']).toBe(subject);
  });

  it('leaves the session that is to go on', async () => {
    const browser = fixture.browser(services);
    const { configuration, subject } = await signInWith(browser);
    const [newest] = (await store.listSessions({ subject })).sessions;
    await store.revoke({ by: 'subject', subject, keepSessionUid: newest?.uid ?? '' });
    const { url } = await startAuthorization(configuration, parameters);
    expect((await browser.open(url)).url.origin).toBe('https://shop.example');
  });

  it('by session signs that browser out, with its tokens', async () => {
    const browser = fixture.browser(services);
    const signedIn = await signInWith(browser);
    const other = await signInWith(fixture.browser(services));
    const sessions = (await store.listSessions({ subject: signedIn.subject })).sessions;
    await store.revoke({ by: 'session', sessionUid: sessions[1]?.uid ?? '' });
    expect(await refreshes(signedIn)).toBe(false);
    expect(await refreshes(other)).toBe(true);
    const { url } = await startAuthorization(signedIn.configuration, parameters);
    expect((await browser.open(url)).url.origin).toBe(issuer);
  });
});

describe('deleting a client', () => {
  it('revokes its tokens, and one of the same name begins with none', async () => {
    const signedIn = await signInWith(fixture.browser(services));
    const remove = () => operator(new URL('/internal/clients/shop', issuer), { method: 'DELETE' });
    await fixture.stopTokenStore();
    const away = await remove();
    expect([away.status, away.headers.get('retry-after')]).toEqual([503, '2']);
    await fixture.startTokenStore();
    expect((await remove()).status).toBe(200);
    await putClient(operator, shop);
    expect(await userinfoStatus(signedIn)).toBe(401);
    expect(await refreshes(signedIn)).toBe(false);
    const after = await signInWith(fixture.browser(services));
    expect(await userinfoStatus(after)).toBe(200);
    expect(await refreshes(after)).toBe(true);
  });

  it('revokes what it has for itself, and tokens of later say so', async () => {
    const issue = async () => {
      const configuration = await discover(send, shop, shopSecret);
      return (await client.clientCredentialsGrant(configuration)).access_token;
    };
    const isActive = async (token: string) => {
      const { jti = '', cep } = decodeJwt<{ cep: number }>(token);
      return (await store.introspect({ jti, clientId: 'shop', clientEpoch: cep })).active;
    };
    await eventually(async () => isActive(await issue()));
    const before = await issue();
    await store.revoke({ by: 'client', clientId: 'shop' });
    expect(await isActive(before)).toBe(false);
    await eventually(async () => isActive(await issue()));
  });
});
