import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningService } from '../shared/service-process.ts';
import { eventually } from '../shared/testing/condition.ts';
import { type ReceivedMail, startMailServer, type TestMailServer } from '../shared/testing/mail-server.ts';
import { type AuthFixture, issuer, putClient, shop, shopSecret, startAuthFixture } from './testing/auth-fixture.ts';
import type { Browser, Page } from './testing/browser.ts';
import { discover, register, signIn, startAuthorization } from './testing/relying-party.ts';

let fixture: AuthFixture;
let service: RunningService;
let server: TestMailServer;
let configuration: client.Configuration;
const services = () => [service];
const parameters = { redirect_uri: 'https://shop.example/callback', scope: 'openid email profile' };

beforeAll(async () => {
  fixture = await startAuthFixture();
  server = await startMailServer();
  const urlFile = join(fixture.directory, 'smtp-url');
  writeFileSync(urlFile, `smtp://127.0.0.1:${server.port}?tls=disable`);
  service = await fixture.start({ mail: { urlFile, from: 'no-reply@shop.example' } });
  await putClient(fixture.send('operator', services), shop);
  configuration = await discover(fixture.send('gateway', services), shop, shopSecret);
});
afterAll(async () => {
  await fixture?.stop();
  await server?.stop();
});

const password = 'analytical engine no. 1';
const newPassword = 'difference engine no. 2';
const person = (name: string) => ({ email: `${name}@example.test`, password, name: 'Ada Lovelace' });

const openSignIn = async (browser: Browser): Promise<Page> =>
  browser.open((await startAuthorization(configuration, parameters)).url);

/** The mail to somebody that is awaited; there may be older ones. */
const nextMail = async (to: string, subject: RegExp): Promise<ReceivedMail> => {
  const find = () => server.received.findLast((mail) => mail.to === to && subject.test(mail.parsed.subject ?? ''));
  await eventually(() => find() !== undefined);
  const mail = find();
  if (mail === undefined) throw new Error('unreachable: it was there');
  return mail;
};

/** Follows a link's address in the page. */
const follow = async (browser: Browser, page: Page, ending: string): Promise<Page> => {
  const [, href = ''] = new RegExp(`href="([^"]+/${ending})"`).exec(page.html) ?? [];
  return browser.open(new URL(href, page.url));
};

const registerConfirmed = async (name: string): Promise<ReturnType<typeof person>> => {
  const browser = fixture.browser(services);
  const somebody = person(name);
  await register(browser, await openSignIn(browser), somebody);
  const { link = '' } = await nextMail(somebody.email, /Confirm/);
  await browser.submit(await browser.open(link), { password });
  return somebody;
};

const tokensOf = async (somebody: { email: string; password: string }) => {
  const { callback, checks } = await signIn(fixture.browser(services), configuration, {
    parameters,
    person: somebody,
  });
  return client.authorizationCodeGrant(configuration, callback, checks);
};

describe('an address', () => {
  it('is confirmed by the link of a mail and the password, and then verified in the claims', async () => {
    const browser = fixture.browser(services);
    const ada = person('ada');
    const page = await register(browser, await openSignIn(browser), ada);
    expect(page.html).toContain('We have sent a mail to ada@example.test');

    const early = await browser.submit(page, ada);
    expect(early.status).toBe(400);
    expect(early.html).toContain('Confirm your email address first');

    const mail = await nextMail(ada.email, /^Confirm your email address for Shop Identity$/);
    expect(mail.parsed.from?.text).toBe('"Shop Identity" <no-reply@shop.example>');
    expect(mail.parsed.html).toContain(mail.link?.replaceAll('&', '&amp;'));
    expect(mail.link).toMatch(new RegExp(`^${issuer}/oauth2/link\\?token=[\\w-]{43}$`));

    // Whoever signs in too early is sent another one.
    const findOther = () => server.received.find(({ to, link }) => to === ada.email && link !== mail.link);
    await eventually(() => findOther() !== undefined);
    const other = findOther();

    // As a program that scans mails does, and as a person who hesitates.
    const elsewhere = fixture.browser(services);
    for (let n = 0; n < 3; n += 1) expect((await elsewhere.open(mail.link ?? '')).status).toBe(200);
    const opened = await elsewhere.open(mail.link ?? '');
    expect(opened.headers.get('referrer-policy')).toBe('no-referrer');
    const wrong = await elsewhere.submit(opened, { password: newPassword });
    expect(wrong.status).toBe(400);
    expect(wrong.html).toContain('That is not the password of this account');
    const confirmed = await elsewhere.submit(wrong, { password });
    expect(confirmed.html).toContain('Your address is confirmed');
    const again = await elsewhere.open(mail.link ?? '');
    expect(again.status).toBe(400);
    expect(again.html).toContain('This link does not work any more');
    // Nor does another one of the same: it could set a password for as long as it takes to confirm an address.
    expect((await elsewhere.open(other?.link ?? '')).status).toBe(400);

    const callback = await browser.submit(early, ada);
    expect(callback.url.origin).toBe('https://shop.example');
    const tokens = await tokensOf(ada);
    expect(tokens.claims()).toMatchObject({ email: ada.email, email_verified: true });
  });

  it('that a stranger has registered is its owner’s by the link of that mail', async () => {
    const stranger = person('claimed');
    const browser = fixture.browser(services);
    await register(browser, await openSignIn(browser), { ...stranger, password: 'a password of a stranger' });
    const { link = '' } = await nextMail(stranger.email, /^Confirm your email address/);
    const opened = await browser.open(link);
    const [, other = ''] = /href="([^"]+choose=password)"/.exec(opened.html) ?? [];
    const choosing = await browser.open(new URL(other.replaceAll('&amp;', '&'), opened.url));
    expect(choosing.html).toContain('Set a new password');
    const weak = await browser.submit(choosing, { password: 'short' });
    expect([weak.status, weak.html.includes('Use at least 12 characters')]).toEqual([400, true]);
    expect((await browser.submit(weak, { password })).html).toContain('Your password is changed');
    expect((await tokensOf(stranger)).claims()).toMatchObject({ email: stranger.email, email_verified: true });
  });

  it('that has an account is told of a registration, on a page that says nothing of it', async () => {
    const grace = await registerConfirmed('grace');
    const browser = fixture.browser(services);
    const page = await register(browser, await openSignIn(browser), { ...grace, password: newPassword });
    const unknown = await register(browser, await openSignIn(browser), person('unknown'));
    const shown = (html: string) => html.replaceAll(/grace|unknown/g, 'x').replaceAll(/"[^"]{20,}"/g, '""');
    expect(shown(page.html)).toBe(shown(unknown.html));
    expect(page.status).toBe(unknown.status);
    const mail = await nextMail(grace.email, /^You have an account at Shop Identity already$/);
    expect(mail.link).toBe(`${issuer}/oauth2/account`);
    expect((await tokensOf(grace)).access_token).toBeTruthy();
  });
});

describe('a forgotten password', () => {
  it('is set anew by the link of a mail, from the page to sign in', async () => {
    const somebody = await registerConfirmed('forgetful');
    let refreshToken = (await tokensOf(somebody)).refresh_token ?? '';
    const browser = fixture.browser(services);
    const forgot = await follow(browser, await openSignIn(browser), 'forgot');
    expect((await browser.submit(forgot, { email: 'no address' })).status).toBe(400);
    const sent = await browser.submit(forgot, { email: somebody.email });
    const nobody = await browser.submit(forgot, { email: 'nobody@example.test' });
    expect(sent.status).toBe(200);
    expect(sent.html.replaceAll(somebody.email, 'nobody@example.test')).toBe(nobody.html);

    const { link = '' } = await nextMail(somebody.email, /^Set a new password/);
    const page = await browser.open(link);
    expect(page.html).toContain('autocomplete="new-password"');
    const refused = await browser.submit(page, { password: 'short' });
    expect(refused.html).toContain('Use at least 12 characters');
    const done = await browser.submit(refused, { password: newPassword });
    expect(done.html).toContain('Your password is changed');
    expect(browser.cookies().map(({ name }) => name)).toContain('__Secure-device');
    expect((await browser.open(link)).status).toBe(400);
    await nextMail(somebody.email, /password at Shop Identity has been changed/);

    // Everything that there was ends, by the outbox: what the revocation asks for is tried until it is done.
    await eventually(async () => {
      const refreshed = client.refreshTokenGrant(configuration, refreshToken);
      const outcome = await refreshed.catch(({ error }: { error: string }) => error);
      if (typeof outcome !== 'string') refreshToken = outcome.refresh_token ?? '';
      return outcome === 'invalid_grant';
    });
    const tokens = await tokensOf({ ...somebody, password: newPassword });
    expect(tokens.claims()).toMatchObject({ email: somebody.email });
    expect(server.received.filter(({ to }) => to === 'nobody@example.test')).toEqual([]);
  });
});

describe('a link', () => {
  it.each(['', '?token=', '?token=a&token=b', `?token=${'x'.repeat(5000)}`, '?token=%00'])(
    'that is none (%s) says that it holds no more',
    async (query) => {
      const browser = fixture.browser(services);
      const page = await browser.open(`${issuer}/oauth2/link${query}`);
      expect(page.status).toBe(400);
      expect(page.html).toContain('This link does not work any more');
      const sent = await browser.submit(page, { password }, { action: '/oauth2/link', fields: {} });
      expect(sent.status).toBe(400);
    },
  );
});

describe('guessing at a password', () => {
  it('ends with 429 and the time to wait, and the device that signed in before goes on', async () => {
    const victim = await registerConfirmed('victim');
    const device = fixture.browser(services);
    await signIn(device, configuration, { parameters, person: victim });
    expect(device.cookies().map(({ name }) => name)).toContain('__Secure-device');
    const stranger = fixture.browser(services);
    let page = await openSignIn(stranger);
    for (let n = 0; n < 10; n += 1) page = await stranger.submit(page, { ...victim, password: newPassword });
    expect(page.status).toBe(400);
    page = await stranger.submit(page, victim);
    expect(page.status).toBe(429);
    expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(800);
    expect(page.html).toContain('Too many attempts. Wait 15 minutes and try again.');
    const again = (await startAuthorization(configuration, { ...parameters, prompt: 'login' })).url;
    const callback = await device.submit(await device.open(again), victim);
    expect(callback.url.origin).toBe('https://shop.example');
  });
});

describe('guessing at the code of a device', () => {
  it('ends with 429, and counts for itself', async () => {
    const guess = (address: string) =>
      fixture.send('gateway', services)(new URL('/oauth2/device', issuer), {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-for': address },
        body: 'user_code=BCDF-BCDF',
      });
    for (let n = 0; n < 60; n += 1) expect((await guess('192.0.2.9')).status).not.toBe(429);
    const throttled = await guess('192.0.2.9');
    expect(throttled.status).toBe(429);
    expect(Number(throttled.headers.get('retry-after'))).toBeGreaterThan(800);
    expect(await throttled.text()).toContain('Too many attempts');
    expect((await guess('192.0.2.10')).status).not.toBe(429);
  });
});

describe('without mail', () => {
  it('the pages say nothing of what would need one', async () => {
    const plain = await fixture.start();
    const browser = fixture.browser(() => [plain]);
    const page = await browser.open((await startAuthorization(configuration, parameters)).url);
    expect(page.html).not.toContain('forgot');
    expect((await browser.open(`${page.url.pathname}/forgot`)).status).toBe(404);
    expect((await browser.open(`${issuer}/oauth2/link?token=x`)).status).toBe(404);
  });
});
