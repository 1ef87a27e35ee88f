import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose';
import * as client from 'openid-client';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClientRegistration, deviceCodeGrantType } from '../shared/contracts/client-registration.ts';
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
import type { Page, Send } from './testing/browser.ts';
import { ada, discover, register, signIn, startAuthorization } from './testing/relying-party.ts';

let fixture: AuthFixture;
let service: RunningService;
let send: Send;
let requestKey: CryptoKey;
const services = () => [service];

const parameters = {
  redirect_uri: 'https://shop.example/callback',
  scope: 'openid email orders:read',
  prompt: 'consent',
};
const pushing: ClientRegistration = { ...shop, clientId: 'pushing', requirePushedAuthorizationRequests: true };
const signing: ClientRegistration = { ...shop, clientId: 'signing', requireSignedRequestObject: true };
const television: ClientRegistration = {
  ...app,
  clientId: 'television',
  clientName: 'Television',
  grantTypes: [deviceCodeGrantType, 'refresh_token'],
  redirectUris: [],
};

beforeAll(async () => {
  fixture = await startAuthFixture();
  service = await fixture.start();
  send = fixture.send('gateway', services);
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  requestKey = privateKey;
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kty: 'EC', alg: 'ES256', use: 'sig' }] };
  const operator = fixture.send('operator', services);
  for (const one of [shop, app, pushing, { ...signing, jwks }, television]) await putClient(operator, one);
  const browser = fixture.browser(services);
  const { url } = await startAuthorization(await discover(send, shop, shopSecret), parameters);
  await register(browser, await browser.open(url), ada);
});
afterAll(() => fixture?.stop());

const post = async (path: string, form: Record<string, string>, headers: Record<string, string> = {}) => {
  const response = await send(new URL(path, issuer), {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(form).toString(),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
};
const basic = (id: string) => ({ authorization: `Basic ${Buffer.from(`${id}:${shopSecret}`).toString('base64')}` });

/** An authorization request of a confidential client, and what its answer is checked with. */
const prepare = async (registration: ClientRegistration, changes: Record<string, string> = {}) => {
  const configuration = await discover(send, registration, shopSecret);
  const { url, checks } = await startAuthorization(configuration, { ...parameters, ...changes });
  return { configuration, request: Object.fromEntries(url.searchParams), checks };
};

const finish = async (url: URL | string): Promise<Page> => {
  const browser = fixture.browser(services);
  const page = await browser.open(url);
  return browser.submit(page, ada);
};

describe('a pushed authorization request', () => {
  it('leads to a code, once', async () => {
    const { configuration, request, checks } = await prepare(pushing);
    const url = await client.buildAuthorizationUrlWithPAR(configuration, request);
    expect([...url.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
    const [left, right] = await Promise.all([finish(url), finish(url)]);
    const done = [left, right].filter((page) => page.url.searchParams.has('code'));
    expect(done).toHaveLength(1);
    const tokens = await client.authorizationCodeGrant(configuration, done[0]?.url ?? new URL(issuer), checks);
    expect(tokens.claims()?.aud).toBe('pushing');
    const late = await fixture.browser(services).open(url);
    expect(late.url.searchParams.get('error')).toBe('invalid_request_uri');
  });

  it('is needed by a client that says so, and by nobody else', async () => {
    const { configuration, request } = await prepare(pushing);
    const { url } = await fixture.browser(services).open(client.buildAuthorizationUrl(configuration, request));
    expect(url.searchParams.get('error_description')).toContain('Pushed Authorization Request must be used');
    const other = await prepare(shop);
    const pushed = await client.buildAuthorizationUrlWithPAR(other.configuration, other.request);
    expect((await finish(pushed)).url.searchParams.get('code')).not.toBeNull();
  });

  it.each([
    ['a wrong secret', {}, { authorization: `Basic ${Buffer.from('pushing:x').toString('base64')}` }, 401],
    ['no client', {}, {}, 400],
    ['another redirect URI', { redirect_uri: 'https://evil.example/' }, basic('pushing'), 400],
    ['no PKCE', { code_challenge: '', code_challenge_method: '' }, basic('pushing'), 400],
    ['a request_uri of its own', { request_uri: 'https://shop.example/request' }, basic('pushing'), 400],
  ])('with %s is refused', async (_name, changes, headers, status) => {
    const { request } = await prepare(pushing);
    const { client_id: _clientId, ...form } = request;
    const answer = await post('/oauth2/par', { ...form, ...changes }, headers);
    expect([answer.status, typeof answer.body['error']]).toEqual([status, 'string']);
  });

  it('of another client is not found', async () => {
    const { configuration, request } = await prepare(pushing);
    const url = await client.buildAuthorizationUrlWithPAR(configuration, request);
    url.searchParams.set('client_id', 'shop');
    const page = await fixture.browser(services).open(url);
    expect(page.url.searchParams.get('error')).toBe('invalid_request_object');
  });
});

describe('a signed request', () => {
  it('is read in place of parameters, and demanded of a client that says so', async () => {
    const { configuration, request, checks } = await prepare(signing);
    const url = await client.buildAuthorizationUrlWithJAR(configuration, request, requestKey);
    const tokens = await client.authorizationCodeGrant(configuration, (await finish(url)).url, checks);
    expect(tokens.claims()?.aud).toBe('signing');
    const plain = await fixture.browser(services).open(client.buildAuthorizationUrl(configuration, request));
    expect(plain.url.searchParams.get('error')).toBe('invalid_request');
  });

  it.each([
    ['another key', async () => (await generateKeyPair('ES256')).privateKey, 'ES256'],
    ['the hash of the secret', async () => new TextEncoder().encode(shop.secretHashes.join('.')), 'HS256'],
  ])('by %s is refused', async (_name, key, alg) => {
    const { request } = await prepare(signing);
    const jwt = await new SignJWT(request)
      .setProtectedHeader({ alg, typ: 'oauth-authz-req+jwt' })
      .setIssuer('signing')
      .setAudience(issuer)
      .setExpirationTime('1m')
      .sign(await key());
    const url = new URL(`/oauth2/authorize?${new URLSearchParams({ client_id: 'signing', request: jwt })}`, issuer);
    const page = await fixture.browser(services).open(url);
    expect(page.url.searchParams.get('error')).toBe('invalid_request_object');
  });
});

describe('an answer', () => {
  it('comes as a signed JWT where that is asked for', async () => {
    const { configuration, request, checks } = await prepare(shop);
    client.useJwtResponseMode(configuration);
    const { url } = await finish(client.buildAuthorizationUrl(configuration, { ...request, response_mode: 'jwt' }));
    const response = url.searchParams.get('response') ?? '';
    expect(decodeProtectedHeader(response)).toMatchObject({ alg: 'ES256', kid: fixture.keys[0]?.key.kid });
    expect(decodeJwt(response)).toMatchObject({ iss: issuer, aud: 'shop', code: expect.any(String) });
    expect((await client.authorizationCodeGrant(configuration, url, checks)).claims()?.aud).toBe('shop');
  });

  it('comes signed or not at all to a client that says so', async () => {
    const bound: ClientRegistration = { ...shop, clientId: 'bound', authorizationSignedResponseAlg: 'ES256' };
    await putClient(fixture.send('operator', services), bound);
    const plain = await prepare(bound);
    const refused = await fixture
      .browser(services)
      .open(client.buildAuthorizationUrl(plain.configuration, plain.request));
    expect(refused.url.searchParams.get('error')).toBe('invalid_request');
    const { configuration, request } = await prepare(bound, { response_mode: 'jwt' });
    const { url } = await finish(client.buildAuthorizationUrl(configuration, request));
    expect(decodeProtectedHeader(url.searchParams.get('response') ?? '').alg).toBe('ES256');
  });

  it('and an ID token of another algorithm than the tenant’s cannot be demanded', async () => {
    const operator = fixture.send('operator', services);
    await putClient(operator, { ...shop, clientId: 'pinned', idTokenSignedResponseAlg: 'ES256' });
    const other = putClient(operator, { ...shop, clientId: 'pinned', idTokenSignedResponseAlg: 'PS256' });
    await expect(other).rejects.toThrow(/id_token_signed_response_alg must be 'ES256'/);
  });

  it('comes as a form that sends itself, by a policy that allows this script alone', async () => {
    const { configuration, request, checks } = await prepare(shop, { response_mode: 'form_post' });
    const page = await finish(client.buildAuthorizationUrl(configuration, request));
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(
      /default-src 'none'.*script-src 'sha256-[\w+/=]+';.*form-action 'self' https:\/\/shop\.example/,
    );
    const [form] = page.forms;
    expect(form?.action).toBe('https://shop.example/callback');
    expect(form?.fields['iss']).toBe(issuer);
    const posted = new Request(form?.action ?? '', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form?.fields).toString(),
    });
    expect((await client.authorizationCodeGrant(configuration, posted, checks)).claims()?.aud).toBe('shop');
  });
});

describe('the device flow', () => {
  const begin = async () => {
    const configuration = await discover(send, television);
    const device = await client.initiateDeviceAuthorization(configuration, { scope: 'openid email' });
    const poll = () => client.pollDeviceAuthorizationGrant(configuration, { ...device, interval: 0.05 });
    const ask = () =>
      post('/oauth2/token', {
        grant_type: deviceCodeGrantType,
        device_code: device.device_code,
        client_id: 'television',
      });
    return { configuration, device, poll, ask };
  };

  it('signs a device in when its code was typed, compared and agreed to', async () => {
    const { configuration, device, poll, ask } = await begin();
    expect(device.verification_uri).toBe(`${issuer}/oauth2/device`);
    expect(device.user_code).toMatch(/^[B-Z]{4}-[B-Z]{4}$/);
    expect((await ask()).body['error']).toBe('authorization_pending');
    const waiting = poll();
    const browser = fixture.browser(services);
    const first = await browser.open(device.verification_uri);
    expect([first.status, first.html.includes('<script')]).toEqual([200, false]);
    const confirm = await browser.submit(first, { user_code: ` ${device.user_code.toLowerCase().replace('-', ' ')} ` });
    expect(confirm.html).toContain('Television');
    expect(confirm.html).toContain(device.user_code);
    const signInPage = await browser.submit(confirm, { confirm: 'yes' });
    const done = await browser.submit(signInPage, ada);
    expect(done.html).toContain('Your device is connected');
    const tokens = await waiting;
    expect(tokens.claims()).toMatchObject({ aud: 'television', email: ada.email });
    expect((await ask()).body['error']).toBe('invalid_grant');
    const refreshed = await client.refreshTokenGrant(configuration, tokens.refresh_token ?? '').catch(() => undefined);
    // The second use of the device's code has ended the family.
    expect(refreshed).toBeUndefined();
    const again = await browser.open(device.verification_uri_complete ?? '');
    const used = await browser.submit(again, {});
    expect([used.status, used.html.includes('too old')]).toEqual([400, true]);
  });

  it('has the code in its field where the device gave it along, and sends nothing by itself', async () => {
    const { device } = await begin();
    const page = await fixture.browser(services).open(device.verification_uri_complete ?? '');
    expect(page.forms[0]?.fields['user_code']).toBe(device.user_code);
    expect(page.html).not.toContain('<script');
    const hostile = await fixture.browser(services).open(`/oauth2/device?user_code=${encodeURIComponent('"><b>x')}`);
    expect([hostile.status, hostile.html.includes('<b>')]).toEqual([200, false]);
  });

  it('ends where the person refuses, and the device is told', async () => {
    const { device, poll } = await begin();
    const browser = fixture.browser(services);
    const confirm = await browser.submit(await browser.open(device.verification_uri), { user_code: device.user_code });
    const { confirm: _confirm, ...fields } = confirm.forms[0]?.fields ?? {};
    const aborted = await browser.submit(
      { ...confirm, forms: [{ action: confirm.forms[0]?.action ?? '', fields }] },
      { abort: 'yes' },
    );
    expect(aborted.html).toContain('was not connected');
    await expect(poll()).rejects.toMatchObject({ error: 'access_denied' });
  });

  it.each([
    ['another code', 'BCDF-GHJK'],
    ['no code', ''],
    ['bytes', '\0\u00ff'],
  ])('answers %s with its page', async (_name, code) => {
    const browser = fixture.browser(services);
    const page = await browser.submit(await browser.open('/oauth2/device'), { user_code: code });
    expect([page.status, page.html.includes('user_code-error')]).toEqual([400, true]);
  });

  it('refuses a form of another session', async () => {
    const { device } = await begin();
    const foreign = await fixture.browser(services).open('/oauth2/device');
    const browser = fixture.browser(services);
    await browser.open('/oauth2/device');
    const page = await browser.submit(foreign, { user_code: device.user_code, confirm: 'yes' });
    expect([page.status, page.html.includes('could not be connected')]).toEqual([400, true]);
  });

  it('draws another code when the first is another device’s', async () => {
    await begin();
    const owner = new pg.Client({ connectionString: fixture.store.databaseUrl });
    await owner.connect();
    try {
      // The next device gets the code of one that is there; a sequence counts what a transaction that failed has tried, too.
      await owner.query(`
        CREATE SEQUENCE token_store.draws;
        GRANT USAGE ON SEQUENCE token_store.draws TO PUBLIC;
        CREATE FUNCTION token_store.collide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.user_code_hmac IS NOT NULL AND nextval('token_store.draws') <= 2 THEN
            NEW.user_code_hmac := (SELECT user_code_hmac FROM token_store.short_lived
                                    WHERE user_code_hmac IS NOT NULL LIMIT 1);
          END IF;
          RETURN NEW; END $$;
        CREATE TRIGGER collide BEFORE INSERT ON token_store.short_lived
          FOR EACH ROW EXECUTE FUNCTION token_store.collide();`);
      const { device } = await begin();
      const { rows } = await owner.query(`SELECT last_value FROM token_store.draws`);
      expect(Number(rows[0].last_value)).toBe(3);
      await owner.query('DROP TRIGGER collide ON token_store.short_lived');
      const page = await fixture.browser(services).open(device.verification_uri_complete ?? '');
      expect(page.forms[0]?.fields['user_code']).toBe(device.user_code);
      const browser = fixture.browser(services);
      const confirm = await browser.submit(await browser.open(device.verification_uri), {
        user_code: device.user_code,
      });
      expect(confirm.html).toContain('Television');
    } finally {
      await owner.query('DROP TRIGGER IF EXISTS collide ON token_store.short_lived');
      await owner.end();
    }
  });

  it('is not open to clients without the grant', async () => {
    const answer = await post('/oauth2/device-authorization', { scope: 'openid' }, basic('shop'));
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  it('of eight devices that ask at once with one code lets one through', async () => {
    const { device, ask } = await begin();
    const browser = fixture.browser(services);
    const confirm = await browser.submit(await browser.open(device.verification_uri), { user_code: device.user_code });
    await browser.submit(await browser.submit(confirm, { confirm: 'yes' }), ada);
    const answers = await Promise.all(Array.from({ length: 8 }, ask));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(new Set(answers.filter(({ status }) => status !== 200).map(({ body }) => body['error']))).toEqual(
      new Set(['invalid_grant']),
    );
  });
});

describe('DPoP', () => {
  const bound: ClientRegistration = { ...app, clientId: 'bound', dpopBoundAccessTokens: true };
  const boundParameters = { redirect_uri: 'https://app.example/callback', scope: 'openid email', prompt: 'consent' };

  const getBoundTokens = async (registration: ClientRegistration) => {
    const configuration = await discover(send, registration);
    const keys = await client.randomDPoPKeyPair('ES256', { extractable: true });
    const handle = client.getDPoPHandle(configuration, keys);
    const { callback, checks } = await signIn(fixture.browser(services), configuration, {
      parameters: boundParameters,
    });
    const tokens = await client.authorizationCodeGrant(configuration, callback, checks, undefined, { DPoP: handle });
    return { configuration, keys, handle, tokens, subject: tokens.claims()?.sub ?? '' };
  };

  /** A proof made by hand, so that it can be sent twice; with the nonce that the server asks for. */
  const makeProof = async (keys: client.CryptoKeyPair, path: string, method = 'POST') => {
    const jwk = await exportJWK(keys.publicKey);
    const sign = (nonce?: string) =>
      new SignJWT({ htm: method, htu: `${issuer}${path}`, jti: crypto.randomUUID(), ...(nonce && { nonce }) })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .setIssuedAt()
        .sign(keys.privateKey);
    const first = await send(new URL(path, issuer), {
      method,
      headers: { 'content-type': 'application/x-www-form-urlencoded', dpop: await sign() },
      body: 'grant_type=refresh_token&refresh_token=x&client_id=app',
    });
    const nonce = first.headers.get('dpop-nonce') ?? '';
    expect(await first.json()).toMatchObject({ error: 'use_dpop_nonce' });
    return sign(nonce);
  };

  it('binds tokens to the client’s key: userinfo and refresh want it, introspection tells it', async () => {
    const { configuration, handle, tokens, subject } = await getBoundTokens(app);
    expect(tokens.token_type).toBe('dpop');
    const thumbprint = await handle.calculateThumbprint();
    expect(decodeJwt(tokens.access_token)).toMatchObject({ cnf: { jkt: thumbprint } });
    const userinfo = await client.fetchUserInfo(configuration, tokens.access_token, subject, { DPoP: handle });
    expect(userinfo.email).toBe(ada.email);
    for (const scheme of ['Bearer', 'DPoP']) {
      const answer = await send(new URL('/oauth2/userinfo', issuer), {
        headers: { authorization: `${scheme} ${tokens.access_token}` },
      });
      expect(answer.ok).toBe(false);
    }
    const refreshed = await client.refreshTokenGrant(configuration, tokens.refresh_token ?? '', undefined, {
      DPoP: handle,
    });
    expect(refreshed.token_type).toBe('dpop');
    const other = client.getDPoPHandle(configuration, await client.randomDPoPKeyPair('ES256'));
    for (const options of [{ DPoP: other }, {}]) {
      await expect(
        client.refreshTokenGrant(configuration, refreshed.refresh_token ?? '', undefined, options),
      ).rejects.toMatchObject({ error: 'invalid_grant' });
    }
    await client.refreshTokenGrant(configuration, refreshed.refresh_token ?? '', undefined, { DPoP: handle });
  });

  it('is needed by a client that says so', async () => {
    await putClient(fixture.send('operator', services), bound);
    const configuration = await discover(send, bound);
    const { callback, checks } = await signIn(fixture.browser(services), configuration, {
      parameters: boundParameters,
    });
    await expect(client.authorizationCodeGrant(configuration, callback, checks)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    expect((await getBoundTokens(bound)).tokens.token_type).toBe('dpop');
  });

  it('of a proof that comes eight times at once takes one, and the family lives on', async () => {
    const { keys, tokens, configuration, handle } = await getBoundTokens(app);
    const proof = await makeProof(keys, '/oauth2/token');
    const form = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token ?? '', client_id: 'app' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => post('/oauth2/token', form, { dpop: proof })));
    const winners = answers.filter(({ status }) => status === 200);
    expect(winners).toHaveLength(1);
    for (const { status, body } of answers.filter((answer) => answer.status !== 200)) {
      expect([status, body['error'], body['error_description']]).toEqual([
        400,
        'invalid_grant',
        'DPoP proof JWT Replay detected',
      ]);
    }
    const next = winners[0]?.body['refresh_token'] ?? '';
    const replayed = await post('/oauth2/token', { ...form, refresh_token: next }, { dpop: proof });
    expect(replayed.body['error_description']).toBe('DPoP proof JWT Replay detected');
    await client.refreshTokenGrant(configuration, next, undefined, { DPoP: handle });
  });

  it('of a proof that is replayed at userinfo says so by a challenge', async () => {
    const { keys, tokens } = await getBoundTokens(app);
    const jwk = await exportJWK(keys.publicKey);
    const ath = Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(tokens.access_token)));
    const sign = (nonce?: string) =>
      new SignJWT({
        htm: 'GET',
        htu: `${issuer}/oauth2/userinfo`,
        jti: crypto.randomUUID(),
        ath: ath.toString('base64url'),
        ...(nonce && { nonce }),
      })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .setIssuedAt()
        .sign(keys.privateKey);
    const ask = async (proof: string) =>
      send(new URL('/oauth2/userinfo', issuer), {
        headers: { authorization: `DPoP ${tokens.access_token}`, dpop: proof },
      });
    const first = await ask(await sign());
    expect(first.status).toBe(401);
    const proof = await sign(first.headers.get('dpop-nonce') ?? '');
    const answers = await Promise.all([ask(proof), ask(proof)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
    const refused = answers.find(({ status }) => status === 401);
    expect(refused?.headers.get('www-authenticate')).toMatch(/^DPoP .*error="invalid_token"/);
  });
});
