import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientRegistration } from '../shared/contracts/client-registration.ts';
import type { RunningService } from '../shared/service-process.ts';
import { eventually } from '../shared/testing/condition.ts';
import { startMailServer, type TestMailServer } from '../shared/testing/mail-server.ts';
import { type AuthFixture, issuer, putClient, shop, startAuthFixture } from './testing/auth-fixture.ts';
import { checkPage, devices, launchChromium, watchPolicy } from './testing/chromium.ts';
import { type PublicEntrance, startPublicEntrance } from './testing/public-entrance.ts';

const partner: ClientRegistration = {
  ...shop,
  clientId: 'partner',
  clientName: 'A partner with quite a long name',
  redirectUris: ['https://partner.example/callback'],
  consent: 'required',
};

let fixture: AuthFixture;
let service: RunningService;
let server: TestMailServer;
let entrance: PublicEntrance;
let browser: Browser;
const services = () => [service];

beforeAll(async () => {
  fixture = await startAuthFixture();
  server = await startMailServer();
  const urlFile = join(fixture.directory, 'smtp-url');
  writeFileSync(urlFile, `smtp://127.0.0.1:${server.port}?tls=disable`);
  service = await fixture.start({
    mail: { urlFile, from: 'no-reply@shop.example' },
    consent: { policyVersion: '1', policyUrl: 'https://shop.example/privacy' },
  });
  for (const registration of [shop, partner]) await putClient(fixture.send('operator', services), registration);
  entrance = await startPublicEntrance(issuer, fixture.send('gateway', services));
  browser = await launchChromium(entrance.port);
});
afterAll(async () => {
  await browser?.close();
  await entrance?.stop();
  await fixture?.stop();
  await server?.stop();
});

const password = 'analytical engine no. 1';
const newPassword = 'difference engine no. 2';
const account = `${issuer}/oauth2/account`;
const partnerAuthorization = `${issuer}/oauth2/authorize?${new URLSearchParams({
  client_id: 'partner',
  response_type: 'code',
  redirect_uri: 'https://partner.example/callback',
  scope: 'openid email profile offline_access orders:read',
  prompt: 'consent',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
})}`;

const linkIn = async (to: string, subject: RegExp): Promise<string> => {
  const find = () => server.received.findLast((mail) => mail.to === to && subject.test(mail.parsed.subject ?? ''));
  await eventually(() => find() !== undefined);
  return find()?.link ?? '';
};

/** The narrowest in the dark, and the widest: the style sheet is that of the other pages, which are looked at on more. */
const looked = Object.entries(devices).filter(([device]) => ['small phone, dark', 'desktop'].includes(device));

describe.each(looked)('on a %s', (device, options) => {
  it('a person confirms an address, resets a password, agrees, and looks after an account', async () => {
    const context = await browser.newContext({ ...options, ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const violations = watchPolicy(page, issuer);
    const email = `${device.replaceAll(/\W/g, '-')}@example.test`;
    const look = (name: string) => checkPage(page, `${device}-${name}`);

    await page.goto(account);
    await page.click('text=Create an account');
    await page.fill('#email', email);
    await page.fill('#name', 'Ada Lovelace');
    await page.fill('#password', password);
    await page.keyboard.press('Enter');
    await page.waitForSelector('[role=status]');
    await look('registered-with-mail');
    await page.fill('#password', password);
    await page.keyboard.press('Enter');
    await page.waitForSelector('[role=alert]');
    await look('unconfirmed');

    await page.goto(await linkIn(email, /^Confirm your email address/));
    await look('confirm-address');
    await page.keyboard.type('not the password');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#password-error');
    await look('confirm-address-wrong');
    await page.fill('#password', password);
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=Your address is confirmed');
    await look('address-confirmed');

    await page.click('text=Go to your account');
    await page.click('text=Forgot your password?');
    await look('forgot');
    await page.keyboard.type('nobody');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#email-error');
    await look('forgot-refused');
    await page.fill('#email', email);
    await page.keyboard.press('Enter');
    await page.waitForSelector('[role=status]');
    await look('reset-sent');
    await page.goto(await linkIn(email, /^Set a new password/));
    await look('reset');
    await page.keyboard.type('short');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#password-error');
    await look('reset-refused');
    await page.fill('#password', newPassword);
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=Your password is changed');
    await look('reset-done');

    await page.goto(account);
    await page.fill('#email', email);
    await page.fill('#password', newPassword);
    await page.keyboard.press('Enter');
    await page.waitForURL(account);
    await look('account-new');

    await page.goto(partnerAuthorization);
    await look('consent');
    await page.click('text=Do not allow');
    await page.waitForURL('https://partner.example/callback?*');
    expect(new URL(page.url()).searchParams.get('error')).toBe('access_denied');
    await page.goto(partnerAuthorization);
    await page.click('button[value=allow]');
    await page.waitForURL('https://partner.example/callback?*');
    expect(new URL(page.url()).searchParams.get('code')).toBeTruthy();

    const elsewhere = await browser.newContext({ ignoreHTTPSErrors: true });
    const other = await elsewhere.newPage();
    await other.goto(account);
    await other.fill('#email', email);
    await other.fill('#password', newPassword);
    await other.keyboard.press('Enter');
    await other.waitForURL(account);
    await elsewhere.close();

    await page.goto(account);
    await look('account');
    await page.fill('#newEmail', 'not an address');
    await page.fill('#currentPassword', 'wrong');
    await page.click('text=Change password');
    await page.waitForSelector('#newPassword-error');
    await look('account-refused');
    await page.click('button[name=session]');
    await page.waitForSelector('text=That device is signed out.');
    await look('account-session-ended');
    await page.click('text=Remove access');
    await page.waitForSelector('text=The application has no access any more.');

    await page.goto(`${issuer}/oauth2/link?token=used`);
    await look('link-expired');
    expect(violations).toEqual([]);
    await context.close();
  });
});
