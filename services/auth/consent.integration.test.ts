import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientRegistration } from '../shared/contracts/client-registration.ts';
import type { RunningService } from '../shared/service-process.ts';
import { type AuthFixture, app, putClient, shop, shopSecret, startAuthFixture } from './testing/auth-fixture.ts';
import type { Browser, Page } from './testing/browser.ts';
import { ada, discover, register, startAuthorization } from './testing/relying-party.ts';

const partner: ClientRegistration = {
  ...app,
  clientId: 'partner',
  clientName: 'Partner & Co',
  grantTypes: ['authorization_code', 'refresh_token'],
  redirectUris: ['https://partner.example/callback'],
  scopes: ['openid', 'email', 'profile', 'offline_access', 'orders:read'],
  consent: 'required',
};
const redirect_uri = 'https://partner.example/callback';

let fixture: AuthFixture;
let service: RunningService;
let configuration: client.Configuration;
const services = () => [service];

beforeAll(async () => {
  fixture = await startAuthFixture();
  service = await fixture.start();
  const operator = fixture.send('operator', services);
  await putClient(operator, partner);
  await putClient(operator, shop);
  configuration = await discover(fixture.send('gateway', services), partner);
  const browser = fixture.browser(services);
  const { url } = await startAuthorization(configuration, { redirect_uri, scope: 'openid' });
  await register(browser, await browser.open(url), ada);
});
afterAll(() => fixture?.stop());

type Asked = { page: Page; checks: Awaited<ReturnType<typeof startAuthorization>>['checks'] };

/** Asks for scopes, and signs in where that is asked for. */
const ask = async (browser: Browser, scope: string, more: Record<string, string> = {}): Promise<Asked> => {
  const { url, checks } = await startAuthorization(configuration, { redirect_uri, scope, ...more });
  const page = await browser.open(url);
  const isSignIn = page.html.includes('current-password');
  return { page: isSignIn ? await browser.submit(page, ada) : page, checks };
};
const answer = (browser: Browser, { page }: Asked, decision: 'allow' | 'deny') => browser.submit(page, { decision });

describe('an application of somebody else’s', () => {
  it('gets nothing before the person has agreed, and what they agreed to afterwards', async () => {
    const browser = fixture.browser(services);
    const asked = await ask(browser, 'openid email orders:read');
    expect(asked.page.status).toBe(200);
    expect(asked.page.html).toContain('Allow access?');
    expect(asked.page.html).toContain('Partner &amp; Co');
    expect(asked.page.html).toContain(`You are signed in as ${ada.email}`);
    expect(asked.page.html).toContain('Your email address');
    expect(asked.page.html).toContain('“orders:read” on your behalf');
    expect(asked.page.html).not.toContain('Your name');

    const allowed = await answer(browser, asked, 'allow');
    expect(allowed.url.origin).toBe('https://partner.example');
    const tokens = await client.authorizationCodeGrant(configuration, allowed.url, asked.checks);
    expect(tokens.claims()).toMatchObject({ email: ada.email });

    // Somewhere else the same person is not asked again for the same.
    const elsewhere = fixture.browser(services);
    expect((await ask(elsewhere, 'openid email')).page.url.origin).toBe('https://partner.example');
    const more = await ask(elsewhere, 'openid email profile');
    expect(more.page.html).toContain('Your name');
    expect(more.page.html).not.toContain('Your email address');
    expect((await answer(elsewhere, more, 'allow')).url.searchParams.get('code')).toBeTruthy();
  });

  it('asks again, for all of it, when it says so', async () => {
    const browser = fixture.browser(services);
    expect((await ask(browser, 'openid email')).page.url.origin).toBe('https://partner.example');
    const elsewhere = fixture.browser(services);
    for (const from of [browser, elsewhere]) {
      const asked = await ask(from, 'openid email', { prompt: 'consent' });
      expect(asked.page.html).toContain('Allow access?');
      expect(asked.page.html).toContain('Your email address');
      const allowed = await answer(from, asked, 'allow');
      expect((await client.authorizationCodeGrant(configuration, allowed.url, asked.checks)).access_token).toBeTruthy();
    }
  });

  it('is told access_denied when the person does not agree, and asks anew', async () => {
    const browser = fixture.browser(services);
    const asked = await ask(browser, 'openid offline_access', { prompt: 'consent' });
    expect(asked.page.html).toContain('Access while you are away');
    const denied = await answer(browser, asked, 'deny');
    expect(denied.url.searchParams.get('error')).toBe('access_denied');
    expect(denied.url.searchParams.get('code')).toBeNull();
    const again = await ask(browser, 'openid offline_access', { prompt: 'consent' });
    expect(again.page.html).toContain('Allow access?');
  });

  it('may not ask silently', async () => {
    const browser = fixture.browser(services);
    await ask(browser, 'openid offline_access', { prompt: 'consent' });
    const { url } = await startAuthorization(configuration, {
      redirect_uri,
      scope: 'openid orders:read profile offline_access',
      prompt: 'none',
    });
    const page = await browser.open(url);
    expect(page.url.searchParams.get('error')).toBe('consent_required');
  });

  it('is believed in no form but ours', async () => {
    const browser = fixture.browser(services);
    const asked = await ask(browser, 'openid offline_access', { prompt: 'consent' });
    expect((await browser.submit(asked.page, { decision: 'allow', csrf: 'x' })).status).toBe(403);
    expect((await browser.submit(asked.page, { decision: 'perhaps' })).status).toBe(403);
  });

  it('asks again under another policy', async () => {
    const other = await fixture.start({ consent: { policyVersion: '2', policyUrl: 'https://shop.example/privacy' } });
    const browser = fixture.browser(() => [other]);
    const asked = await ask(browser, 'openid email');
    expect(asked.page.html).toContain('href="https://shop.example/privacy"');
    expect((await answer(browser, asked, 'allow')).url.searchParams.get('code')).toBeTruthy();
    expect((await ask(browser, 'openid email')).page.url.origin).toBe('https://partner.example');
  });
});

describe('an application of the tenant’s own', () => {
  it('is never asked about', async () => {
    const browser = fixture.browser(services);
    const own = await discover(fixture.send('gateway', services), shop, shopSecret);
    const { url } = await startAuthorization(own, {
      redirect_uri: 'https://shop.example/callback',
      scope: 'openid email profile',
    });
    const page = await browser.submit(await browser.open(url), ada);
    expect(page.url.origin).toBe('https://shop.example');
  });
});
