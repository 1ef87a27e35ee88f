import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { RunningService } from '../shared/service-process.ts';
import {
  type AuthFixture,
  app,
  issuer,
  oldShopSecret,
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
const parameters = {
  redirect_uri: 'https://shop.example/callback',
  scope: 'openid email offline_access',
  prompt: 'consent',
};

beforeAll(async () => {
  fixture = await startAuthFixture();
  service = await fixture.start();
  send = fixture.send('gateway', services);
  const operator = fixture.send('operator', services);
  await putClient(operator, shop);
  await putClient(operator, app);
  const configuration = await discover(send, shop, shopSecret);
  const browser = fixture.browser(services);
  const { url } = await startAuthorization(configuration, parameters);
  await register(browser, await browser.open(url), ada);
});
afterAll(() => fixture?.stop());

const openSignIn = async (changes: Record<string, string> = {}) => {
  const configuration = await discover(send, shop, shopSecret);
  const browser = fixture.browser(services);
  const { url } = await startAuthorization(configuration, { ...parameters, ...changes });
  return { browser, page: await browser.open(url), url };
};

const formType = 'application/x-www-form-urlencoded';

const post = async (path: string, form: Record<string, string>, headers: Record<string, string> = {}) => {
  const response = await send(new URL(path, issuer), {
    method: 'POST',
    headers: { 'content-type': formType, ...headers },
    body: new URLSearchParams(form).toString(),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
};

const basic = (secret: string) => ({ authorization: `Basic ${Buffer.from(`shop:${secret}`).toString('base64')}` });

describe('sign-in', () => {
  it('answers a wrong password and an unknown address alike, and lets neither in', async () => {
    const { browser, page } = await openSignIn();
    const wrong = await browser.submit(page, { email: ada.email, password: 'not her password' });
    const unknown = await browser.submit(page, { email: 'nobody@example.test', password: 'not a password' });
    expect([wrong.status, unknown.status]).toEqual([400, 400]);
    expect(wrong.html).toContain('do not belong together');
    expect(unknown.html.replace('nobody@example.test', ada.email)).toBe(wrong.html);
  });

  it('shows what is missing beside its field', async () => {
    const { browser, page } = await openSignIn();
    const { html, status } = await browser.submit(page, { email: '', password: '' });
    expect(status).toBe(400);
    expect(html).toContain('id="email-error"');
    expect(html).toContain('id="password-error"');
  });

  it('refuses a form with another token, or with that of another interaction', async () => {
    const { browser, page } = await openSignIn();
    const other = await openSignIn();
    for (const csrf of ['', 'x', other.page.forms[0]?.fields['csrf'] ?? '']) {
      const refused = await browser.submit(page, { email: ada.email, password: ada.password, csrf });
      expect(refused.status).toBe(403);
      expect(refused.url.origin).toBe(issuer);
    }
  });

  it('refuses a form without the cookie, and says that it has expired', async () => {
    const { browser, page } = await openSignIn();
    browser.clearCookies();
    const refused = await browser.submit(page, { email: ada.email, password: ada.password });
    expect(refused.status).toBe(400);
    expect(refused.html).toContain('has expired');
  });

  it('goes back to the application when cancelled', async () => {
    const { browser, page } = await openSignIn();
    const cancel = page.forms.find(({ action }) => action.endsWith('/cancel'));
    const { url } = await browser.submit(page, {}, cancel);
    expect(url.origin).toBe('https://shop.example');
    expect(url.searchParams.get('error')).toBe('access_denied');
  });

  it('lets the client’s addresses be the end of its form, and nothing else', async () => {
    const { page } = await openSignIn();
    const policy = page.headers.get('content-security-policy');
    expect(policy).toContain("form-action 'self' https://shop.example;");
    expect(policy).toContain("default-src 'none'");
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
  });
});

describe('registration', () => {
  it('answers an address that is taken as one that is new, and changes nothing', async () => {
    const { browser, page } = await openSignIn();
    const taken = await register(browser, page, { ...ada, password: 'another password 123' });
    const fresh = await register(browser, page, {
      ...ada,
      email: 'new@example.test',
      password: 'another password 123',
    });
    expect(taken.status).toBe(200);
    expect(fresh.html.replaceAll('new@example.test', ada.email)).toBe(taken.html);
    const refused = await browser.submit(taken, { email: ada.email, password: 'another password 123' });
    expect(refused.status).toBe(400);
    const accepted = await browser.submit(taken, { email: ada.email, password: ada.password });
    expect(accepted.url.origin).toBe('https://shop.example');
  });

  it.each([
    [{ password: 'short' }, 'Use at least 12 characters'],
    [{ password: 'password1234' }, 'on every list'],
    [{ email: 'ada@example.test\r\nBcc: eve@example.test' }, 'does not look like an email address'],
    [{ email: 'not an address' }, 'does not look like an email address'],
    [{ name: 'x'.repeat(101) }, 'at most 100 characters'],
  ])('refuses %j', async (changes, message) => {
    const { browser, page } = await openSignIn();
    const refused = await register(browser, page, { ...ada, email: 'grace@example.test', ...changes });
    expect(refused.status).toBe(400);
    expect(refused.html).toContain(message);
  });
});

describe('the authorization endpoint', () => {
  const authorize = async (changes: Record<string, string | undefined>) => {
    const { url } = await startAuthorization(await discover(send, shop, shopSecret), parameters);
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) url.searchParams.delete(name);
      else url.searchParams.set(name, value);
    }
    return fixture.browser(services).open(url);
  };

  it.each([
    [{ client_id: 'nobody' }],
    [{ client_id: undefined }],
    [{ redirect_uri: 'https://evil.example/callback' }],
    [{ redirect_uri: 'https://shop.example/callback/' }],
    [{ redirect_uri: 'https://shop.example/callback?x=1' }],
    [{ redirect_uri: 'https://shop.example.evil.example/callback' }],
  ])('never redirects for %j', async (changes) => {
    const page = await authorize(changes);
    expect(page.url.origin).toBe(issuer);
    expect(page.status).toBe(400);
    expect(page.html).toContain('If you ask for help, give this number');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it.each([
    [{ code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ response_type: 'code id_token' }, 'unsupported_response_type'],
    [{ resource: 'https://elsewhere.example' }, 'invalid_target'],
    [{ prompt: 'none' }, 'login_required'],
  ])('tells the application of %j', async (changes, error) => {
    const { url } = await authorize(changes);
    const answer = url.hash === '' ? url.searchParams : new URLSearchParams(url.hash.slice(1));
    expect(url.origin).toBe('https://shop.example');
    expect(answer.get('error')).toBe(error);
    expect(answer.get('iss')).toBe(issuer);
    expect(answer.get('code')).toBeNull();
  });
});

describe('the token endpoint', () => {
  it('gives client credentials for the client’s audiences and own scopes, by either secret', async () => {
    for (const secret of [shopSecret, oldShopSecret]) {
      const configuration = await discover(send, shop, secret);
      const tokens = await client.clientCredentialsGrant(configuration, { scope: 'orders:read other' });
      expect(tokens.scope).toBe('orders:read');
    }
  });

  it.each([
    [{ grant_type: 'client_credentials' }, basic('wrong'), 401, 'invalid_client'],
    [{ grant_type: 'client_credentials' }, basic(shop.secretHashes[0] ?? ''), 401, 'invalid_client'],
    [{ grant_type: 'client_credentials' }, basic(shop.secretHashes.join('.')), 401, 'invalid_client'],
    [{ grant_type: 'client_credentials', client_id: 'nobody', client_secret: 'x' }, {}, 401, 'invalid_client'],
    [
      { grant_type: 'client_credentials', resource: 'https://elsewhere.example' },
      basic(shopSecret),
      400,
      'invalid_target',
    ],
    [{ grant_type: 'password' }, basic(shopSecret), 400, 'unsupported_grant_type'],
    [{ grant_type: 'refresh_token', refresh_token: 'x'.repeat(600) }, basic(shopSecret), 400, 'invalid_grant'],
    [{ grant_type: 'refresh_token', refresh_token: 'a\u0000b' }, basic(shopSecret), 400, 'invalid_grant'],
    [
      { grant_type: 'authorization_code', code: 'x', redirect_uri: 'https://shop.example/callback' },
      basic(shopSecret),
      400,
      'invalid_grant',
    ],
    [{}, basic(shopSecret), 400, 'invalid_request'],
  ])('refuses %j', async (form, headers, status, error) => {
    const answer = await post('/oauth2/token', form, { accept: 'text/html', ...headers });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/json');
    expect(JSON.parse(answer.text)).toMatchObject({ error });
  });

  it.each([
    [
      'duplicated parameters',
      'grant_type=client_credentials&grant_type=client_credentials',
      'application/x-www-form-urlencoded',
    ],
    ['an unknown charset', 'grant_type=client_credentials', 'application/x-www-form-urlencoded; charset=nonsense'],
    ['another type', '{"grant_type":"client_credentials"}', 'application/json'],
    [
      'a body that is too large',
      `grant_type=client_credentials&x=${'x'.repeat(100_000)}`,
      'application/x-www-form-urlencoded',
    ],
  ])('answers 400 to %s', async (_name, body, contentType) => {
    const response = await send(new URL('/oauth2/token', issuer), {
      method: 'POST',
      headers: { 'content-type': contentType, ...basic(shopSecret) },
      body,
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: 'invalid_request' });
  });

  it.each(['/oauth2/token', '/oauth2/userinfo', '/oauth2/interaction/x/sign-in'])(
    'answers 400 at %s to a body that is compressed, or says so',
    async (path) => {
      for (const coding of ['gzip', 'br', 'zstd', 'identity, gzip']) {
        const answer = await post(path, { access_token: 'x' }, { 'content-encoding': coding });
        expect(answer.status).toBe(400);
        expect(JSON.parse(answer.text)).toMatchObject({ error: 'invalid_request' });
      }
      const answer = await post(path, { access_token: 'x' }, { 'content-type': `${formType}; charset=utf-7` });
      expect(answer.status).toBe(400);
    },
  );

  it('revokes the family of a refresh token that is used twice, and keeps the person’s other ones', async () => {
    const configuration = await discover(send, shop, shopSecret);
    const browser = fixture.browser(services);
    const first = await signIn(browser, configuration, { parameters });
    const tokens = await client.authorizationCodeGrant(configuration, first.callback, first.checks);
    const second = await signIn(fixture.browser(services), configuration, { parameters });
    const others = await client.authorizationCodeGrant(configuration, second.callback, second.checks);
    const inBetween = await client.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
    // Until here it may be asked for again by whoever did not get the answer.
    const rotated = await client.refreshTokenGrant(configuration, inBetween.refresh_token ?? '');
    const invalidGrant = expect.objectContaining({ error: 'invalid_grant' });
    await expect(client.refreshTokenGrant(configuration, tokens.refresh_token ?? '')).rejects.toEqual(invalidGrant);
    await expect(client.refreshTokenGrant(configuration, rotated.refresh_token ?? '')).rejects.toEqual(invalidGrant);
    await expect(client.fetchUserInfo(configuration, rotated.access_token, client.skipSubjectCheck)).rejects.toThrow();
    expect(await client.refreshTokenGrant(configuration, others.refresh_token ?? '')).toHaveProperty('access_token');
  });

  it('revokes the family of a code that is used twice', async () => {
    const configuration = await discover(send, shop, shopSecret);
    const { callback, checks } = await signIn(fixture.browser(services), configuration, { parameters });
    const tokens = await client.authorizationCodeGrant(configuration, callback, checks);
    const invalidGrant = expect.objectContaining({ error: 'invalid_grant' });
    await expect(client.authorizationCodeGrant(configuration, callback, checks)).rejects.toEqual(invalidGrant);
    await expect(client.refreshTokenGrant(configuration, tokens.refresh_token ?? '')).rejects.toEqual(invalidGrant);
  });

  it('does not burn a refresh token by a request that it refuses', async () => {
    const configuration = await discover(send, shop, shopSecret);
    const { callback, checks } = await signIn(fixture.browser(services), configuration, { parameters });
    const tokens = await client.authorizationCodeGrant(configuration, callback, checks);
    const refreshToken = tokens.refresh_token ?? '';
    const bad = { resource: 'https://stock.shop.example' };
    await expect(client.refreshTokenGrant(configuration, refreshToken, bad)).rejects.toMatchObject({
      error: 'invalid_target',
    });
    expect(await client.refreshTokenGrant(configuration, refreshToken)).toHaveProperty('refresh_token');
  });

  it('serves a public client, whose tokens are for the issuer', async () => {
    const configuration = await discover(send, app);
    const { callback, checks } = await signIn(fixture.browser(services), configuration, {
      parameters: { redirect_uri: 'com.example.app:/callback', scope: 'openid email' },
    });
    const tokens = await client.authorizationCodeGrant(configuration, callback, checks);
    expect(tokens.claims()).toMatchObject({ aud: 'app', email: ada.email });
    expect(await client.refreshTokenGrant(configuration, tokens.refresh_token ?? '')).toHaveProperty('access_token');
  });
});

describe('userinfo', () => {
  it.each([
    [{}, 401, null],
    [{ authorization: 'Bearer not.a.token' }, 401, 'invalid_token'],
    [{ authorization: 'Basic eDp5' }, 400, 'invalid_request'],
  ])('refuses %j', async (headers, status, error) => {
    const response = await send(new URL('/oauth2/userinfo', issuer), { headers });
    expect(response.status).toBe(status);
    const challenge = response.headers.get('www-authenticate');
    expect(challenge).toContain('Bearer realm=');
    if (error !== null) expect(challenge).toContain(`error="${error}"`);
  });

  it('lets an application in a browser send its token from another origin', async () => {
    const response = await send(new URL('/oauth2/userinfo', issuer), {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization',
      },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(response.headers.get('access-control-allow-headers')).toBe('authorization');
  });

  it('refuses an ID token and a token without a user', async () => {
    const configuration = await discover(send, shop, shopSecret);
    const { callback, checks } = await signIn(fixture.browser(services), configuration, { parameters });
    const tokens = await client.authorizationCodeGrant(configuration, callback, checks);
    const machine = await client.clientCredentialsGrant(configuration, { scope: 'orders:read' });
    const ask = async (token: string) => {
      const response = await send(new URL('/oauth2/userinfo', issuer), {
        headers: { authorization: `Bearer ${token}` },
      });
      return response.status;
    };
    expect(await ask(tokens.id_token ?? '')).toBe(401);
    expect(await ask(machine.access_token)).toBe(403);
    expect(await ask(tokens.access_token)).toBe(200);
  });
});

describe('sessions', () => {
  it('sign a second application in without a page, and end for all of them', async () => {
    const configuration = await discover(send, shop, shopSecret);
    const browser = fixture.browser(services);
    const quiet = { redirect_uri: 'https://shop.example/callback', scope: 'openid' };
    const first = await signIn(browser, configuration, { parameters: quiet });
    const tokens = await client.authorizationCodeGrant(configuration, first.callback, first.checks);
    const appConfiguration = await discover(send, app);
    const { url, checks } = await startAuthorization(appConfiguration, {
      redirect_uri: 'https://app.example/callback',
      scope: 'openid',
    });
    const silent = await browser.open(url);
    expect(silent.url.origin).toBe('https://app.example');
    const appTokens = await client.authorizationCodeGrant(appConfiguration, silent.url, checks);
    expect(appTokens.claims()?.sub).toBe(tokens.claims()?.sub);

    const signOut = await browser.open('/oauth2/sign-out');
    const done = await browser.submit(signOut, { logout: 'yes' });
    expect(done.html).toContain('You are signed out');
    const invalidGrant = expect.objectContaining({ error: 'invalid_grant' });
    await expect(client.refreshTokenGrant(configuration, tokens.refresh_token ?? '')).rejects.toEqual(invalidGrant);
    await expect(client.refreshTokenGrant(appConfiguration, appTokens.refresh_token ?? '')).rejects.toEqual(
      invalidGrant,
    );
  });

  it('of two tabs both go on, and a sign-out ends both', async () => {
    const configuration = await discover(send, shop, shopSecret);
    const browser = fixture.browser(services);
    const quiet = { redirect_uri: 'https://shop.example/callback', scope: 'openid' };
    const [left, right] = [
      await startAuthorization(configuration, quiet),
      await startAuthorization(configuration, quiet),
    ];
    const [leftPage, rightPage] = [await browser.open(left.url), await browser.open(right.url)];
    const leftCallback = await browser.submit(leftPage, ada);
    const rightCallback = await browser.submit(rightPage, ada);
    const leftTokens = await client.authorizationCodeGrant(configuration, leftCallback.url, left.checks);
    const rightTokens = await client.authorizationCodeGrant(configuration, rightCallback.url, right.checks);
    const leftNext = await client.refreshTokenGrant(configuration, leftTokens.refresh_token ?? '');
    const rightNext = await client.refreshTokenGrant(configuration, rightTokens.refresh_token ?? '');
    await browser.submit(await browser.open('/oauth2/sign-out'), { logout: 'yes' });
    const invalidGrant = expect.objectContaining({ error: 'invalid_grant' });
    await expect(client.refreshTokenGrant(configuration, leftNext.refresh_token ?? '')).rejects.toEqual(invalidGrant);
    await expect(client.refreshTokenGrant(configuration, rightNext.refresh_token ?? '')).rejects.toEqual(invalidGrant);
  });

  it('end with a sign-out, but for offline access, which takes a prompt', async () => {
    const configuration = await discover(send, shop, shopSecret);
    const { redirect_uri, scope } = parameters;
    const signInAndOut = async (wanted: Record<string, string>) => {
      const browser = fixture.browser(services);
      const { callback, checks } = await signIn(browser, configuration, { parameters: wanted });
      const { refresh_token: token = '' } = await client.authorizationCodeGrant(configuration, callback, checks);
      // Some applications name what they asked for again.
      const again = await client.refreshTokenGrant(configuration, token, { scope }).catch((error: unknown) => error);
      await browser.submit(await browser.open('/oauth2/sign-out'), { logout: 'yes' });
      return { token, again };
    };
    const { token, again } = await signInAndOut({ redirect_uri, scope });
    expect(again).toMatchObject({ error: 'invalid_scope' });
    const invalidGrant = expect.objectContaining({ error: 'invalid_grant' });
    await expect(client.refreshTokenGrant(configuration, token)).rejects.toEqual(invalidGrant);
    const { again: offline } = await signInAndOut(parameters);
    const { refresh_token: kept } = z.object({ refresh_token: z.string() }).parse(offline);
    expect(await client.refreshTokenGrant(configuration, kept, { scope })).toHaveProperty('refresh_token');
  });

  it('stay when the person changes their mind', async () => {
    const configuration = await discover(send, shop, shopSecret);
    const browser = fixture.browser(services);
    await signIn(browser, configuration, { parameters });
    const stayed = await browser.submit(await browser.open('/oauth2/sign-out'), {});
    expect(stayed.html).toContain('You are still signed in');
  });

  it('are in cookies that scripts, other sites and other hosts cannot have', async () => {
    const { browser } = await openSignIn();
    const names = browser.cookies().map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['__Secure-interaction', '__Secure-interaction.sig']));
    const configuration = await discover(send, shop, shopSecret);
    const signedIn = fixture.browser(services);
    await signIn(signedIn, configuration, { parameters });
    expect(signedIn.cookies()).toContainEqual(expect.objectContaining({ name: '__Host-session', path: '/' }));
  });
});

describe('addresses', () => {
  it('are the issuer’s, whatever the request says', async () => {
    const response = await send(new URL('/.well-known/openid-configuration', issuer), {
      headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http', forwarded: 'host=evil.example' },
    });
    const discovery = (await response.json()) as Record<string, unknown>;
    expect(discovery).toMatchObject({
      issuer,
      authorization_endpoint: `${issuer}/oauth2/authorize`,
      token_endpoint: `${issuer}/oauth2/token`,
      jwks_uri: `${issuer}/oauth2/jwks`,
      userinfo_endpoint: `${issuer}/oauth2/userinfo`,
      end_session_endpoint: `${issuer}/oauth2/sign-out`,
      response_types_supported: ['code'],
      id_token_signing_alg_values_supported: ['ES256'],
      code_challenge_methods_supported: ['S256'],
    });
    expect(JSON.stringify(discovery)).not.toContain('evil');
  });

  it('of the keys can be cached and asked for again', async () => {
    const response = await send(new URL('/oauth2/jwks', issuer), {});
    expect(response.headers.get('cache-control')).toBe('public, max-age=600');
    const { keys } = (await response.json()) as { keys: Record<string, unknown>[] };
    expect(keys).toEqual([fixture.keys[0]?.key.publicJwk]);
    expect(keys[0]).not.toHaveProperty('d');
    // fetch would add `no-cache` of its own.
    const headers = { 'if-none-match': response.headers.get('etag') ?? '', 'cache-control': 'max-age=0' };
    expect((await send(new URL('/oauth2/jwks', issuer), { headers })).status).toBe(304);
  });

  it.each([
    '/nowhere',
    '/oauth2/nowhere',
    '/oauth2/token/introspection',
    '/oauth2/assets/nothing.css',
    '/%ff',
    '/oauth2/interaction/%ff',
    '/oauth2/assets/%ff',
  ])('%s has nothing', async (path) => {
    const response = await send(new URL(path, issuer), {});
    expect([400, 404]).toContain(response.status);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
  });
});

describe('roles', () => {
  it.each([
    ['gateway', '/internal/state', 403],
    ['gateway', '/internal/clients', 403],
    ['token-store', '/internal/state', 403],
    ['token-store', '/oauth2/jwks', 403],
    ['operator', '/oauth2/jwks', 403],
    ['operator', '/internal/state', 200],
    ['operator', '/internal/clients', 200],
    ['gateway', '/oauth2/jwks', 200],
  ] as const)('%s at %s: %d', async (role, path, status) => {
    const response = await fixture.send(role, services)(new URL(path, issuer), {});
    expect(response.status).toBe(status);
  });
});
