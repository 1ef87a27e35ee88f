import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type ClientRegistration, deviceCodeGrantType } from '../shared/contracts/client-registration.ts';
import type { RunningService } from '../shared/service-process.ts';
import { eventually } from '../shared/testing/condition.ts';
import { type AuthFixture, issuer, putClient, shop, startAuthFixture } from './testing/auth-fixture.ts';
import { checkPage, devices, launchChromium, watchPolicy } from './testing/chromium.ts';
import { type PublicEntrance, startPublicEntrance } from './testing/public-entrance.ts';
import { ada } from './testing/relying-party.ts';

let fixture: AuthFixture;
let service: RunningService;
let entrance: PublicEntrance;
let browser: Browser;

const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const authorization = `${issuer}/oauth2/authorize?${new URLSearchParams({
  client_id: 'shop',
  response_type: 'code',
  redirect_uri: 'https://shop.example/callback',
  scope: 'openid email',
  code_challenge: challenge,
  code_challenge_method: 'S256',
  state: 'state',
})}`;

beforeAll(async () => {
  fixture = await startAuthFixture();
  service = await fixture.start();
  const operator = fixture.send('operator', () => [service]);
  for (const registration of [shop, television]) await putClient(operator, registration);
  entrance = await startPublicEntrance(
    issuer,
    fixture.send('gateway', () => [service]),
  );
  browser = await launchChromium(entrance.port);
});
afterAll(async () => {
  await browser?.close();
  await entrance?.stop();
  await fixture?.stop();
});

const television: ClientRegistration = {
  ...shop,
  clientId: 'television',
  clientName: 'Television',
  grantTypes: [deviceCodeGrantType],
  redirectUris: [],
  tokenEndpointAuthMethod: 'none',
  secretHashes: [],
};

/** The address that a television shows as a picture, with its code in it. */
const askForDevice = async (): Promise<string> => {
  const answer = await fixture.send('gateway', () => [service])(new URL('/oauth2/device-authorization', issuer), {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'client_id=television&scope=openid',
  });
  return z.object({ verification_uri_complete: z.string() }).parse(await answer.json()).verification_uri_complete;
};

describe.each(Object.entries(devices))('on a %s', (device, options) => {
  it('a person registers, signs in, and signs out, on accessible pages under the strict policy', async () => {
    const context = await browser.newContext({ ...options, ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const violations = watchPolicy(page, issuer);
    const person = { email: `${device.replaceAll(/\W/g, '-')}@example.test`, password: ada.password };
    const look = (name: string) => checkPage(page, `${device}-${name}`);

    await page.goto(authorization);
    await look('sign-in');
    await page.keyboard.type('nobody@example.test');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#password-error');
    await look('sign-in-missing');
    await page.fill('#password', 'not a password');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[role=alert]');
    await look('sign-in-wrong');

    await page.click('text=Create an account');
    await look('register');
    await page.fill('#email', person.email);
    await page.fill('#password', 'short');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#password-error');
    await look('register-refused');
    await page.fill('#name', 'Ada Lovelace');
    await page.fill('#password', person.password);
    await page.click('text=Create account');
    await page.waitForSelector('[role=status]');
    await look('registered');
    await page.keyboard.type(person.password);
    await page.keyboard.press('Enter');
    await page.waitForURL('https://shop.example/callback?*');
    expect(new URL(page.url()).searchParams.get('code')).toBeTruthy();

    await page.goto(await askForDevice());
    await look('device-code');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('bcdf bcdf');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#user_code-error');
    await look('device-code-wrong');
    await page.goto(await askForDevice());
    await page.keyboard.press('Enter');
    await page.waitForSelector('button[name=confirm]');
    await look('device-confirm');
    await page.click('button[name=confirm]');
    await page.waitForSelector('[role=status]');
    await look('device-done');

    await page.goto(`${issuer}/oauth2/sign-out?client_id=shop&post_logout_redirect_uri=https://shop.example/bye`);
    await look('sign-out');
    await page.click('button[value=yes]');
    await page.waitForURL('https://shop.example/bye');
    await page.goto(`${issuer}/oauth2/sign-out/success`);
    await look('signed-out');
    await page.goto(`${issuer}/oauth2/authorize?client_id=nobody`);
    await look('error');
    expect(violations).toEqual([]);
    await context.close();
  });
});

describe('in Chrome', () => {
  it('the forms that oidc-provider makes itself submit themselves', async () => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const violations = watchPolicy(page, issuer);
    // Without a session there is nothing to confirm.
    await page.goto(`${issuer}/oauth2/sign-out?client_id=shop&post_logout_redirect_uri=https://shop.example/bye`);
    await page.waitForURL('https://shop.example/bye');
    await page.goto(`${authorization}&response_mode=form_post&prompt=none`);
    await page.waitForURL('https://shop.example/callback');
    expect(violations).toEqual([]);
    await context.close();
  });

  it('another person may sign in where somebody is signed in already', async () => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const violations = watchPolicy(page, issuer);
    const signIn = async (email: string): Promise<void> => {
      await page.goto(`${authorization}&prompt=login`);
      await page.click('text=Create an account');
      await page.fill('#email', email);
      await page.fill('#password', ada.password);
      await page.keyboard.press('Enter');
      await page.waitForSelector('[role=status]');
      await page.fill('#password', ada.password);
      await page.keyboard.press('Enter');
      await page.waitForURL('https://shop.example/callback?*');
    };
    await signIn('first@example.test');
    await signIn('second@example.test');
    expect(violations).toEqual([]);
    await context.close();
  });

  it('a page with its style sheets weighs less than 30 KB, and a brand changes while it runs', async () => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const sizes: Promise<number>[] = [];
    page.on('response', (response) =>
      sizes.push(
        response.body().then(
          (body) => body.length,
          () => 0,
        ),
      ),
    );
    await page.goto(authorization, { waitUntil: 'networkidle' });
    const weight = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    expect(weight).toBeGreaterThan(1000);
    expect(weight).toBeLessThan(30 * 1024);

    const branding = { name: 'Ocean Identity', primaryColor: '#00bcd4' };
    writeFileSync(join(fixture.directory, 'live', 'live.json'), JSON.stringify({ logLevel: 'error', branding }));
    await eventually(async () => {
      await page.goto(authorization);
      return (await page.title()).includes('Ocean Identity');
    });
    await checkPage(page, 'desktop-branded');
    await context.close();
  });
});
