import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as client from 'openid-client';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientRegistration } from '../shared/contracts/client-registration.ts';
import type { RunningService } from '../shared/service-process.ts';
import { eventually } from '../shared/testing/condition.ts';
import { startMailServer, type TestMailServer } from '../shared/testing/mail-server.ts';
import {
  type AuthFixture,
  app,
  issuer,
  putClient,
  shop,
  shopSecret,
  startAuthFixture,
} from './testing/auth-fixture.ts';
import type { Browser, Form, Page } from './testing/browser.ts';
import { discover, register, signIn, startAuthorization } from './testing/relying-party.ts';

const partner: ClientRegistration = {
  ...app,
  clientId: 'partner',
  clientName: 'Partner & Co',
  redirectUris: ['https://partner.example/callback'],
  scopes: ['openid', 'email', 'offline_access'],
  consent: 'required',
};

let fixture: AuthFixture;
let service: RunningService;
let server: TestMailServer;
let configuration: client.Configuration;
const services = () => [service];
const account = `${issuer}/oauth2/account`;
const parameters = { redirect_uri: 'https://shop.example/callback', scope: 'openid email profile' };
const password = 'analytical engine no. 1';
const newPassword = 'difference engine no. 2';

beforeAll(async () => {
  fixture = await startAuthFixture();
  server = await startMailServer();
  const urlFile = join(fixture.directory, 'smtp-url');
  writeFileSync(urlFile, `smtp://127.0.0.1:${server.port}?tls=disable`);
  service = await fixture.start({ mail: { urlFile, from: 'no-reply@shop.example' } });
  const operator = fixture.send('operator', services);
  await putClient(operator, shop);
  await putClient(operator, partner);
  configuration = await discover(fixture.send('gateway', services), shop, shopSecret);
});
afterAll(async () => {
  await fixture?.stop();
  await server?.stop();
});

const accountRows = async (email: string): Promise<{ id: string }[]> => {
  const connection = new pg.Client({ connectionString: fixture.store.roleUrl('auth') });
  await connection.connect();
  try {
    return (await connection.query<{ id: string }>('SELECT id FROM auth.accounts WHERE email = $1', [email])).rows;
  } finally {
    await connection.end();
  }
};

const lastLink = async (to: string, subject: RegExp): Promise<string> => {
  const find = () => server.received.findLast((mail) => mail.to === to && subject.test(mail.parsed.subject ?? ''));
  await eventually(() => find() !== undefined);
  return find()?.link ?? '';
};

type Person = { email: string; password: string; name: string };

/** A person with a confirmed address and an account page in a browser of theirs. */
const somebody = async (name: string): Promise<{ person: Person; browser: Browser; page: Page }> => {
  const person = { email: `${name}@example.test`, password, name: 'Ada' };
  const browser = fixture.browser(services);
  const signInPage = await browser.open(account);
  expect(signInPage.html).toContain('to continue to your account');
  const registered = await register(browser, signInPage, person);
  await browser.submit(await browser.open(await lastLink(person.email, /^Confirm/)), { password });
  const page = await browser.submit(registered, person);
  expect(page.url.href).toBe(account);
  return { person, browser, page };
};

const form = (page: Page, name: string): Form => {
  const found = page.forms.find(({ action }) => action.endsWith(`/account/${name}`));
  if (found === undefined) throw new Error(`no form ${name}: ${page.html}`);
  return found;
};
/** By a button that says which one: the browser of the tests sends inputs alone. */
const press = (browser: Browser, page: Page, name: string, values: Record<string, string> = {}) =>
  browser.submit(page, values, form(page, name));
const open = (browser: Browser) => browser.open(account);

const refreshTokenOf = async (browser: Browser, person: Person): Promise<string> => {
  const { callback, checks } = await signIn(browser, configuration, { parameters, person });
  return (await client.authorizationCodeGrant(configuration, callback, checks)).refresh_token ?? '';
};
const refreshes = (refreshToken: string, by = configuration): Promise<boolean> =>
  client.refreshTokenGrant(by, refreshToken).then(
    () => true,
    () => false,
  );

describe('an account that is disabled', () => {
  it('has no session, token or sign-in any more, until it is enabled', async () => {
    const { browser, person } = await somebody('disabled');
    const refreshToken = await refreshTokenOf(fixture.browser(services), person);
    const [{ id = '' } = {}] = await accountRows(person.email);
    const change = async (disabled: unknown) => {
      const response = await fixture.send('operator', services)(new URL(`/internal/accounts/${id}`, issuer), {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ disabled }),
      });
      return [response.status, await response.json()];
    };
    expect((await change('yes'))[0]).toBe(400);
    expect(await change(true)).toEqual([200, { changed: true }]);
    expect(await change(true)).toEqual([200, { changed: false }]);
    expect((await open(browser)).html).toContain('to continue to your account');
    expect(await refreshes(refreshToken)).toBe(false);
    const stranger = fixture.browser(services);
    expect((await stranger.submit(await open(stranger), person)).html).toContain('do not belong together');
    expect(await change(false)).toEqual([200, { changed: true }]);
    const again = fixture.browser(services);
    expect((await again.submit(await open(again), person)).url.href).toBe(account);
  });
});

describe('the account page', () => {
  it('asks who it is, and takes the name', async () => {
    const { browser, page, person } = await somebody('name');
    expect(page.html).toContain(`You are signed in as ${person.email}`);
    expect(page.html).toContain('confirmed');
    const saved = await press(browser, page, 'name', { name: ' Countess <Lovelace> ' });
    expect(saved.html).toContain('Your name is saved');
    expect(saved.html).toContain('value="Countess &lt;Lovelace&gt;"');
    const refused = await press(browser, saved, 'name', { name: 'x'.repeat(101) });
    expect(refused.status).toBe(400);
    expect(refused.html).toContain('Use at most 100 characters');
    expect((await browser.open(`${account}?done=<script>`)).html).not.toContain('role="status"');
  });

  it('changes the password by the current one, and ends everything else', async () => {
    const { browser, page, person } = await somebody('password');
    const elsewhere = fixture.browser(services);
    const refreshToken = await refreshTokenOf(elsewhere, person);
    const wrong = await press(browser, page, 'password', { currentPassword: newPassword, newPassword });
    expect(wrong.status).toBe(400);
    expect(wrong.html).toContain('That is not your current password');
    const weak = await press(browser, wrong, 'password', { currentPassword: password, newPassword: 'short' });
    expect(weak.html).toContain('Use at least 12 characters');
    const changed = await press(browser, weak, 'password', { currentPassword: password, newPassword });
    expect(changed.html).toContain('Your password is changed');
    expect((await open(elsewhere)).html).toContain('to continue to your account');
    expect(await refreshes(refreshToken)).toBe(false);
    expect((await open(browser)).html).toContain('You are signed in as');
    expect(await refreshTokenOf(fixture.browser(services), { ...person, password: newPassword })).toBeTruthy();
  });

  it('changes the address when its link was used, and tells the old one', async () => {
    const { browser, page, person } = await somebody('address');
    const values = { newEmail: 'new-address@example.test', emailPassword: password };
    expect((await press(browser, page, 'email', { ...values, emailPassword: newPassword })).status).toBe(400);
    const invalid = await press(browser, page, 'email', { ...values, newEmail: 'no address' });
    expect(invalid.html).toContain('value="no address"');
    const asked = await press(browser, invalid, 'email', values);
    expect(asked.html).toContain('We have sent a mail to the new address');
    expect(asked.html).toContain(`You are signed in as ${person.email}`);
    const link = await browser.open(await lastLink(values.newEmail, /^Confirm your new email address/));
    expect(link.html).toContain('new-address@example.test becomes the address that you sign in with');
    const done = await browser.submit(link, {});
    expect(done.html).toContain('Your address is confirmed');
    await eventually(() =>
      server.received.some((mail) => mail.to === person.email && /has been changed/.test(mail.parsed.subject ?? '')),
    );
    expect((await open(browser)).html).toContain('You are signed in as new-address@example.test');
  });

  it('lists where somebody is signed in, and signs out there, one or all', async () => {
    const { browser, person } = await somebody('sessions');
    const [first, second] = [fixture.browser(services), fixture.browser(services)];
    const tokens = [await refreshTokenOf(first, person), await refreshTokenOf(second, person)];
    const page = await open(browser);
    expect(page.html.match(/Last used /g)).toHaveLength(3);
    expect(page.html.match(/<strong>Firefox on Linux</g)).toHaveLength(3);
    expect(page.html.match(/<time/g)).toHaveLength(3);
    expect(page.html.match(/this browser/g)).toHaveLength(1);
    expect(page.html).toContain('The Shop');
    // The current one comes first, and has no such button; the others are newest first.
    const [, newest = ''] = /name="session" value="([^"]+)"/.exec(page.html) ?? [];
    const one = await press(browser, page, 'session', { session: newest });
    expect(one.html).toContain('That device is signed out');
    expect(one.html.match(/<time/g)).toHaveLength(2);
    expect(await refreshes(tokens[1] ?? '')).toBe(false);
    expect(await refreshes(tokens[0] ?? '')).toBe(true);
    const all = await press(browser, one, 'other-sessions');
    expect(all.html).toContain('You are signed out everywhere else');
    expect(all.html.match(/<time/g)).toHaveLength(1);
    expect((await open(first)).html).toContain('to continue to your account');
    expect((await open(browser)).html).toContain('You are signed in as');
  });

  it('ends no session of somebody else’s', async () => {
    const victim = await somebody('victim');
    const { browser, page } = await somebody('attacker');
    await refreshTokenOf(fixture.browser(services), victim.person);
    const [, uid = ''] = /name="session" value="([^"]+)"/.exec((await open(victim.browser)).html) ?? [];
    expect(uid).not.toBe('');
    // The attacker has one session only, and so no such form on the page.
    const forged = { action: '/oauth2/account/session', fields: form(page, 'name').fields };
    await browser.submit(page, { session: uid }, forged);
    expect((await open(victim.browser)).html).toContain(uid);
  });

  it('lists applications with access, and takes it back', async () => {
    const { browser } = await somebody('applications');
    expect((await open(browser)).html).toContain('You have not given access');
    const theirs = await discover(fixture.send('gateway', services), partner);
    const { url, checks } = await startAuthorization(theirs, {
      redirect_uri: 'https://partner.example/callback',
      scope: 'openid email offline_access',
      prompt: 'consent',
    });
    const callback = await browser.submit(await browser.open(url), { decision: 'allow' });
    const tokens = await client.authorizationCodeGrant(theirs, callback.url, checks);
    const page = await open(browser);
    expect(page.html).toContain('Partner &amp; Co');
    expect(page.html).toContain('Access while you are away');
    const removed = await press(browser, page, 'application', { application: 'partner' });
    expect(removed.html).toContain('The application has no access any more');
    expect(removed.html).toContain('You have not given access');
    expect(await refreshes(tokens.refresh_token ?? '', theirs)).toBe(false);
    const again = (
      await startAuthorization(theirs, { redirect_uri: 'https://partner.example/callback', scope: 'openid' })
    ).url;
    expect((await browser.open(again)).html).toContain('Allow access?');
  });

  it('believes no form but its own, of this session', async () => {
    const one = await somebody('one');
    const two = await somebody('two');
    const fields = form(two.page, 'name').fields;
    const forged = await one.browser.submit(one.page, { name: 'Eve' }, { action: '/oauth2/account/name', fields });
    expect(forged.status).toBe(403);
    expect((await open(one.browser)).html).not.toContain('Eve');
    const nobody = fixture.browser(services);
    const asked = await nobody.submit(one.page, { name: 'Eve' }, form(one.page, 'name'));
    expect(asked.html).toContain('to continue to your account');
  });

  it('says so when somebody decides not to sign in', async () => {
    const browser = fixture.browser(services);
    const page = await open(browser);
    const cancelled = await browser.submit(
      page,
      {},
      page.forms.find(({ action }) => action.endsWith('/cancel')),
    );
    expect(cancelled.status).toBe(200);
    expect(cancelled.html).toContain('You are not signed in');
  });

  it('answers 503 while the token-store is away', async () => {
    const { browser } = await somebody('away');
    await fixture.stopTokenStore();
    const page = await open(browser);
    expect(page.status).toBe(503);
    expect(page.headers.get('retry-after')).toBe('2');
    await fixture.startTokenStore();
    await eventually(async () => (await open(browser)).status === 200);
  });
});
