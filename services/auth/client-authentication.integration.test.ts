import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientRegistration } from '../shared/contracts/client-registration.ts';
import type { RunningService } from '../shared/service-process.ts';
import { createCertificateAuthority } from '../shared/testing/certificate-authority.ts';
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

const ask = async (assertion: string) => {
  const response = await send(new URL('/oauth2/token', issuer), {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    }).toString(),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
};

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
