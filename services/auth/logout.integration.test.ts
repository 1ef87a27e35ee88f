import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { createRemoteJWKSet, customFetch, type JWTPayload, jwtVerify } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunningService } from '../shared/service-process.ts';
import { createCertificateAuthority } from '../shared/testing/certificate-authority.ts';
import { eventually } from '../shared/testing/condition.ts';
import { type AuthFixture, issuer, putClient, shop, shopSecret, startAuthFixture } from './testing/auth-fixture.ts';
import type { Send } from './testing/browser.ts';
import { ada, discover, register, startAuthorization } from './testing/relying-party.ts';

let fixture: AuthFixture;
let service: RunningService;
let send: Send;
let receiver: Server;
/** What the receiver answers with. */
let status = 503;
const received: string[] = [];
const trusted = getCACertificates();

beforeAll(async () => {
  const authority = await createCertificateAuthority();
  setDefaultCACertificates([...trusted, authority.ca]);
  const tls = await authority.issueServer(['127.0.0.1']);
  receiver = createServer(tls, async (request, response) => {
    received.push(new URLSearchParams(await text(request)).get('logout_token') ?? '');
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as AddressInfo;
  fixture = await startAuthFixture();
  service = await fixture.start();
  send = fixture.send('gateway', () => [service]);
  const operator = fixture.send('operator', () => [service]);
  await putClient(operator, { ...shop, clientId: 'plain' });
  await putClient(operator, {
    ...shop,
    subjectType: 'pairwise',
    backchannelLogoutUri: `https://127.0.0.1:${port}/logout`,
  });
});
afterAll(async () => {
  setDefaultCACertificates(trusted);
  receiver?.closeAllConnections();
  receiver?.close();
  await fixture?.stop();
});

const verify = async (token: string): Promise<JWTPayload> => {
  const keys = createRemoteJWKSet(new URL(`${issuer}/oauth2/jwks`), {
    // Of the same standard as the global one.
    [customFetch]: (url, init) => send(new URL(url), init as Parameters<Send>[1]) as unknown as Promise<Response>,
  });
  const { payload } = await jwtVerify(token, keys, { issuer, audience: 'shop', typ: 'logout+jwt', maxTokenAge: 120 });
  return payload;
};

it('tells an application of a sign-out, also one that was away at first', async () => {
  const configuration = await discover(send, shop, shopSecret);
  expect(configuration.serverMetadata()).toMatchObject({
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
  });
  const browser = fixture.browser(() => [service]);
  const { url, checks } = await startAuthorization(configuration, {
    redirect_uri: 'https://shop.example/callback',
    scope: 'openid',
  });
  const signInPage = await register(browser, await browser.open(url), ada);
  const callback = await browser.submit(signInPage, { email: ada.email, password: ada.password });
  const tokens = await client.authorizationCodeGrant(configuration, callback.url, checks);
  const signOut = await browser.open(
    client.buildEndSessionUrl(configuration, { id_token_hint: tokens.id_token ?? '' }),
  );
  expect(received).toEqual([]);
  await browser.submit(signOut, { logout: 'yes' });

  await eventually(() => received.length >= 2);
  status = 204;
  const before = received.length;
  await eventually(() => received.length > before, 30_000);
  const claims = tokens.claims();
  const last = await verify(received.at(-1) ?? '');
  expect(last).toMatchObject({
    sub: claims?.sub,
    sid: claims?.['sid'],
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
  });
  expect(last['sid']).toEqual(expect.any(String));
  expect(last).not.toHaveProperty('nonce');
  // One notice, whatever the number of attempts.
  const first = await verify(received[0] ?? '');
  expect(last.jti).toBe(first.jti);
});

it('tells an application of a session that its person, or an operator, has ended', async () => {
  status = 204;
  const configuration = await discover(send, shop, shopSecret);
  const browser = fixture.browser(() => [service]);
  const open = () =>
    startAuthorization(configuration, { redirect_uri: 'https://shop.example/callback', scope: 'openid' });
  const signIn = async () => {
    const { url, checks } = await open();
    const callback = await browser.submit(await browser.open(url), { email: ada.email, password: ada.password });
    return (await client.authorizationCodeGrant(configuration, callback.url, checks)).claims();
  };
  const told = async () => {
    const tokens = await Promise.all(received.map(verify));
    return tokens.map(({ sub, sid }) => `${sub} ${sid}`);
  };
  const claims = await signIn();
  const elsewhere = fixture.browser(() => [service]);
  const account = await elsewhere.submit(await elsewhere.open(`${issuer}/oauth2/account`), ada);
  const others = account.forms.find(({ action }) => action.endsWith('/account/other-sessions'));
  expect((await elsewhere.submit(account, {}, others)).html).toContain('signed out everywhere else');
  await eventually(async () => (await told()).includes(`${claims?.sub} ${claims?.['sid']}`));

  const again = await signIn();
  const one = await elsewhere.open(`${issuer}/oauth2/account`);
  const [, uid = ''] = /name="session" value="([^"]+)"/.exec(one.html) ?? [];
  const ending = one.forms.find(({ action }) => action.endsWith('/account/session'));
  await elsewhere.submit(one, { session: uid }, ending);
  await eventually(async () => (await told()).includes(`${again?.sub} ${again?.['sid']}`));

  const last = await signIn();
  // `shop` does not know the account by its id.
  const plain = await discover(send, { ...shop, clientId: 'plain' }, shopSecret);
  const redirect_uri = 'https://shop.example/callback';
  const { url, checks } = await startAuthorization(plain, { redirect_uri, scope: 'openid' });
  const callback = await browser.open(url);
  const accountId = (await client.authorizationCodeGrant(plain, callback.url, checks)).claims()?.sub;
  expect(accountId).not.toBe(last?.sub);
  await fixture.send('operator', () => [service])(new URL(`/internal/accounts/${accountId}`, issuer), {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ disabled: true }),
  });
  await eventually(async () => (await told()).includes(`${last?.sub} ${last?.['sid']}`));
});
