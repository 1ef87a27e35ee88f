import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientRegistration } from '../shared/contracts/client-registration.ts';
import type { RunningService } from '../shared/service-process.ts';
import { createCertificateAuthority } from '../shared/testing/certificate-authority.ts';
import { eventually } from '../shared/testing/condition.ts';
import { type AuthFixture, issuer, putClient, shop, startAuthFixture } from './testing/auth-fixture.ts';
import type { Send } from './testing/browser.ts';
import { discover } from './testing/relying-party.ts';

const signer: ClientRegistration = {
  ...shop,
  clientId: 'signer',
  tokenEndpointAuthMethod: 'private_key_jwt',
  secretHashes: [],
};

let fixture: AuthFixture;
let service: RunningService;
let send: Send;
let key: CryptoKey;
/** Where clients' keys are fetched from, by path. */
let keyServer: Server;
const keyAnswers = new Map<string, { status: number; body: string; headers?: Record<string, string> }>();
let keyRequests: string[] = [];
const keyUri = (path: string): string => `https://127.0.0.1:${(keyServer.address() as AddressInfo).port}${path}`;
const trustDirectory = mkdtempSync(join(tmpdir(), 'client-keys-'));

const startKeyServer = async (): Promise<void> => {
  const authority = await createCertificateAuthority();
  writeFileSync(join(trustDirectory, 'bundle-0.pem'), authority.ca);
  keyServer = createServer(await authority.issueServer(['127.0.0.1']), ({ url = '' }, response) => {
    keyRequests.push(url);
    const { status, body, headers } = keyAnswers.get(url) ?? { status: 404, body: '' };
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  });
  await new Promise<void>((resolve) => keyServer.listen(0, '127.0.0.1', resolve));
};

beforeAll(async () => {
  fixture = await startAuthFixture();
  await startKeyServer();
  service = await fixture.start({ clientKeys: { addresses: 'Any', trustDirectory } });
  send = fixture.send('gateway', () => [service]);
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  key = privateKey;
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kty: 'EC', alg: 'ES256', use: 'sig' }] };
  const operator = fixture.send('operator', () => [service]);
  await putClient(operator, { ...signer, jwks });
  await putClient(operator, shop);
});
afterAll(async () => {
  keyServer?.closeAllConnections();
  keyServer?.close();
  rmSync(trustDirectory, { recursive: true, force: true });
  await fixture?.stop();
});

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

const post = async (path: string, form: Record<string, string>) => {
  const response = await send(new URL(path, issuer), {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, string> };
};

const ask = (assertion: string, more: Record<string, string> = {}) =>
  post('/oauth2/token', {
    grant_type: 'client_credentials',
    client_assertion_type: assertionType,
    client_assertion: assertion,
    ...more,
  });

const assertionOf = (clientId: string, signingKey: CryptoKey, audience = issuer): Promise<string> =>
  new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime('1m')
    .sign(signingKey);

describe('private_key_jwt', () => {
  it('gives tokens to who signs with the registered key, and introspects by it', async () => {
    const configuration = await discover(send, signer, client.PrivateKeyJwt(key));
    expect(configuration.serverMetadata().token_endpoint_auth_methods_supported).toContain('private_key_jwt');
    const tokens = await client.clientCredentialsGrant(configuration, { scope: 'orders:read' });
    expect(await client.tokenIntrospection(configuration, tokens.access_token)).toMatchObject({
      active: true,
      client_id: 'signer',
    });
  });

  it('takes an assertion once, also of two at the same time', async () => {
    const assertion = await assertionOf('signer', key);
    const answers = await Promise.all([ask(assertion), ask(assertion), ask(assertion)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
    expect(await ask(assertion)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });

  it('refuses a foreign key, a foreign audience, and a client that has a secret', async () => {
    const { privateKey: foreign } = await generateKeyPair('ES256');
    for (const assertion of [
      await assertionOf('signer', foreign),
      await assertionOf('signer', key, 'https://elsewhere.example'),
      await assertionOf('shop', key),
    ]) {
      expect(await ask(assertion)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    }
  });
});

describe('keys by address (jwks_uri)', () => {
  const register = (clientId: string, path: string) =>
    putClient(
      fixture.send('operator', () => [service]),
      { ...signer, clientId, jwksUri: keyUri(path) },
    );
  const publishKeys = async (publicKey: CryptoKey): Promise<string> =>
    JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig' }] });

  it('are fetched once for many requests', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    keyAnswers.set('/keys', { status: 200, body: await publishKeys(publicKey) });
    keyRequests = [];
    await register('remote', '/keys');
    for (let request = 0; request < 3; request += 1) {
      expect(await ask(await assertionOf('remote', privateKey))).toMatchObject({ status: 200 });
    }
    expect(keyRequests).toEqual(['/keys']);
    expect(await ask(await assertionOf('remote', key))).toMatchObject({ status: 401 });
  });

  it.each([
    ['elsewhere', { status: 302, body: '', headers: { location: '/keys' } }],
    ['at no end', { status: 200, body: JSON.stringify({ keys: [], more: 'x'.repeat(200_000) }) }],
    ['in no JSON', { status: 200, body: '<html>' }],
    ['with a fault', { status: 500, body: '{}' }],
  ])('that are %s let nobody in', async (what, answer) => {
    const path = `/${what.replaceAll(' ', '-')}`;
    keyAnswers.set(path, answer);
    keyRequests = [];
    await register(what.replaceAll(' ', '-'), path);
    const { status, body } = await ask(await assertionOf(what.replaceAll(' ', '-'), key));
    expect([status, typeof body['error']]).toEqual([401, 'string']);
    expect(keyRequests).toEqual([path]);
    expect(JSON.stringify(body)).not.toContain('127.0.0.1');
  });

  it('are not asked for at an address that is not public, unless the settings say so', async () => {
    keyRequests = [];
    await register('strict', '/keys');
    const strict = await fixture.start({ clientKeys: { addresses: 'Public', trustDirectory } });
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await assertionOf('strict', key),
    }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const response = await fixture.send('gateway', () => [strict])(new URL('/oauth2/token', issuer), {
      method: 'POST',
      headers,
      body,
    });
    expect([response.status, keyRequests]).toEqual([401, []]);
  });
});

describe('without an entrance for certificates', () => {
  it('nobody is told of certificates, and no client is taken whose tokens could not be bound', async () => {
    const metadata = await (await send(new URL('/.well-known/openid-configuration', issuer), {})).json();
    expect(metadata).not.toHaveProperty('tls_client_certificate_bound_access_tokens');
    expect(metadata).not.toHaveProperty('mtls_endpoint_aliases');
    const operator = fixture.send('operator', () => [service]);
    const tlsClientAuth = { sanDns: 'a.example' };
    for (const registration of [
      { ...shop, clientId: 'bound', certificateBoundAccessTokens: true },
      { ...signer, clientId: 'certified', tokenEndpointAuthMethod: 'tls_client_auth', tlsClientAuth } as const,
    ]) {
      await expect(putClient(operator, registration)).rejects.toThrow(/PUT 4\d\d/);
    }
  });
});

describe('a Kubernetes service account', () => {
  const cluster = 'https://kubernetes.default.svc';
  const subject = 'system:serviceaccount:shop:orders';
  const orders: ClientRegistration = { ...signer, clientId: 'orders', serviceAccountSubject: subject };
  let clusterKey: CryptoKey;

  type Claims = { issuer?: string; audience?: string; subject?: string; life?: number; age?: number };
  const tokenOf = (claims: Claims = {}, signingKey = clusterKey): Promise<string> => {
    const iat = Math.floor(Date.now() / 1000) - (claims.age ?? 0);
    return new SignJWT({ jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES256', kid: 'cluster' })
      .setIssuer(claims.issuer ?? cluster)
      .setSubject(claims.subject ?? subject)
      .setAudience(claims.audience ?? issuer)
      .setIssuedAt(iat)
      .setExpirationTime(iat + (claims.life ?? 3600))
      .sign(signingKey);
  };
  const trust = async (publicKey: CryptoKey): Promise<void> => {
    const keys = [{ ...(await exportJWK(publicKey)), kid: 'cluster', alg: 'ES256', use: 'sig' }];
    const serviceAccountTokens = { issuer: cluster, jwks: { keys } };
    const live = { logLevel: 'error', branding: { name: 'Shop Identity' }, serviceAccountTokens };
    writeFileSync(join(fixture.settings().liveDirectory, 'live.json'), JSON.stringify(live));
  };
  const put = (registration: ClientRegistration) =>
    putClient(
      fixture.send('operator', () => [service]),
      registration,
    );

  beforeAll(async () => {
    const pair = await generateKeyPair('ES256');
    clusterKey = pair.privateKey;
    await put(orders);
    await trust(pair.publicKey);
    await eventually(async () => (await ask(await tokenOf())).status === 200);
  });

  it('is its client by one and the same token, as often as it likes', async () => {
    const token = await tokenOf();
    const answers = await Promise.all([ask(token), ask(token), ask(token, { client_id: 'orders' })]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(decodeJwt(answers[0]?.body['access_token'] ?? '')).toMatchObject({ client_id: 'orders', sub: 'orders' });
  });

  it('introspects, revokes and pushes requests by it', async () => {
    const assertion = { client_assertion_type: assertionType, client_assertion: await tokenOf() };
    const { body } = await ask(assertion.client_assertion);
    const token = body['access_token'] ?? '';
    expect(await post('/oauth2/introspect', { ...assertion, token })).toMatchObject({ body: { active: true } });
    expect(await post('/oauth2/revoke', { ...assertion, token })).toMatchObject({ status: 200 });
    expect(await post('/oauth2/introspect', { ...assertion, token })).toMatchObject({ body: { active: false } });
    const request = {
      response_type: 'code',
      redirect_uri: 'https://shop.example/callback',
      scope: 'openid',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    };
    const pushed = await post('/oauth2/par', { ...assertion, client_id: 'orders', ...request });
    expect(pushed).toMatchObject({ status: 201, body: { request_uri: expect.any(String) } });
  });

  it.each([
    ['for somebody else', { audience: 'https://kubernetes.default.svc' }],
    ['of another account', { subject: 'system:serviceaccount:shop:other' }],
    ['of another account of its name', { subject: 'system:serviceaccount:elsewhere:orders' }],
    ['of another cluster', { issuer: 'https://other.example' }],
    ['that has expired', { age: 3700, life: 3600 }],
    ['that lives too long', { life: 3601 }],
  ] satisfies [string, Claims][])('is nobody by a token %s', async (_what, claims) => {
    for (const more of [{}, { client_id: 'orders' }]) {
      const { status, body } = await ask(await tokenOf(claims), more);
      expect([400, 401]).toContain(status);
      expect(body['access_token']).toBeUndefined();
    }
  });

  it('is nobody by a token of another key, without an end, or of the client’s own making', async () => {
    const { privateKey: foreign } = await generateKeyPair('ES256');
    const endless = await new SignJWT({ sub: subject, iss: cluster, aud: issuer })
      .setProtectedHeader({ alg: 'ES256', kid: 'cluster' })
      .setIssuedAt()
      .sign(clusterKey);
    for (const token of [await tokenOf({}, foreign), endless, await assertionOf('orders', key)]) {
      expect(await ask(token)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    }
  });

  it('is not a client that names another account, or none', async () => {
    const token = await tokenOf();
    expect((await ask(token, { client_id: 'shop' })).status).toBe(400);
    expect((await ask(token, { client_id: 'signer' })).status).toBe(400);
  });

  it('has to say which client it is where it is two of them', async () => {
    await put({ ...orders, clientId: 'orders-batch' });
    const token = await tokenOf();
    expect((await ask(token)).status).toBe(401);
    const { body } = await ask(token, { client_id: 'orders-batch' });
    expect(decodeJwt(body['access_token'] ?? '')).toMatchObject({ client_id: 'orders-batch' });
  });

  it('is known by the keys that the cluster has now', async () => {
    const next = await generateKeyPair('ES256');
    const before = await tokenOf();
    await trust(next.publicKey);
    const isNew = async () => (await ask(await tokenOf({}, next.privateKey), { client_id: 'orders' })).status === 200;
    await eventually(isNew);
    expect((await ask(before, { client_id: 'orders' })).status).toBe(401);
  });
});
