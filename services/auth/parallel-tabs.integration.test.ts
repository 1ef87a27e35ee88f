import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { internalStateSchema } from '../shared/contracts/internal-state.ts';
import type { RunningService } from '../shared/service-process.ts';
import { eventually } from '../shared/testing/condition.ts';
import { type AuthFixture, issuer, putClient, shop, shopSecret, startAuthFixture } from './testing/auth-fixture.ts';
import type { Browser, Page, Send } from './testing/browser.ts';
import { ada, discover, register, signIn, startAuthorization } from './testing/relying-party.ts';

let fixture: AuthFixture;
let processes: Pick<RunningService, 'ports'>[];
let send: Send;
const services = () => processes;
const rounds = 6;
const applications = Array.from({ length: 8 }, (_, index) => ({
  ...shop,
  clientId: `shop-${index}`,
  redirectUris: [`https://shop-${index}.example/callback`],
  postLogoutRedirectUris: [],
}));
type Application = (typeof applications)[number];

const parametersOf = ({ redirectUris: [redirectUri = ''] }: Application) => ({
  redirect_uri: redirectUri,
  scope: 'openid email',
});

beforeAll(async () => {
  fixture = await startAuthFixture();
  processes = await Promise.all([fixture.startProcess(), fixture.startProcess()]);
  send = fixture.send('gateway', services);
  const operator = fixture.send('operator', services);
  let revision = 0;
  for (const application of [shop, ...applications]) revision = await putClient(operator, application);
  for (const process of processes) {
    await eventually(async () => {
      const response = await fixture.send('operator', () => [process])(new URL('/internal/state', issuer), {});
      return internalStateSchema.parse(await response.json()).clientRegistryRevision === revision;
    });
  }
  const browser = fixture.browser(services);
  const parameters = { redirect_uri: 'https://shop.example/callback', scope: 'openid email' };
  const { url } = await startAuthorization(await discover(send, shop, shopSecret), parameters);
  await register(browser, await browser.open(url), ada);
});
afterAll(() => fixture?.stop());

const token = async ({ clientId }: Application, form: Record<string, string>) => {
  const response = await send(new URL('/oauth2/token', issuer), {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: `Basic ${Buffer.from(`${clientId}:${shopSecret}`).toString('base64')}`,
    },
    body: new URLSearchParams(form).toString(),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
};

/** Opens an application in a tab of the browser; signs in by the form when it is shown. */
const openApplication = async (browser: Browser, application: Application, more: Record<string, string> = {}) => {
  const configuration = await discover(send, application, shopSecret);
  const parameters = { ...parametersOf(application), ...more };
  const { callback, checks } = await signIn(browser, configuration, { parameters });
  return { application, callback, verifier: checks.pkceCodeVerifier };
};

const exchange = async ({ application, callback, verifier }: Awaited<ReturnType<typeof openApplication>>) => {
  const { status, body } = await token(application, {
    grant_type: 'authorization_code',
    code: callback.searchParams.get('code') ?? '',
    redirect_uri: parametersOf(application).redirect_uri,
    code_verifier: verifier,
  });
  expect([callback.origin, status, body['error_description']]).toEqual([
    new URL(parametersOf(application).redirect_uri).origin,
    200,
    undefined,
  ]);
  return { application, refreshToken: body['refresh_token'] ?? '' };
};

const signOut = async (browser: Browser): Promise<Page> => {
  const page = await browser.open('/oauth2/sign-out');
  return browser.submit(page, { logout: 'yes' });
};

const refresh = async ({ application, refreshToken }: Awaited<ReturnType<typeof exchange>>): Promise<string> => {
  const { status, body } = await token(application, { grant_type: 'refresh_token', refresh_token: refreshToken });
  return `${status} ${body['error'] ?? 'refreshed'}`;
};

describe.each([
  ['opened at once in one session', {}],
  ['that sign in again at once in one session', { prompt: 'login' }],
])('applications %s', (_name, more) => {
  it.each([4, 8])(
    '%i of them all open, and a sign-out ends each one’s refresh token',
    async (count) => {
      for (let round = 0; round < rounds; round += 1) {
        const browser = fixture.browser(services);
        const [first, ...others] = applications.slice(0, count);
        if (first === undefined) throw new Error('no application');
        const opened = [await openApplication(browser, first)];
        opened.push(
          ...(await Promise.all(others.map((application) => openApplication(browser, application, more)))),
          await openApplication(browser, first),
        );
        const tokens = await Promise.all(opened.map(exchange));
        expect((await signOut(browser)).status).toBe(200);
        expect(await Promise.all(tokens.map(refresh))).toEqual(tokens.map(() => '400 invalid_grant'));
      }
    },
    120_000,
  );
});
