import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientRegistration } from '../shared/contracts/client-registration.ts';
import type { RunningService } from '../shared/service-process.ts';
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

beforeAll(async () => {
  fixture = await startAuthFixture();
  service = await fixture.start();
  send = fixture.send('gateway', () => [service]);
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  key = privateKey;
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kty: 'EC', alg: 'ES256', use: 'sig' }] };
  const operator = fixture.send('operator', () => [service]);
  await putClient(operator, { ...signer, jwks });
  await putClient(operator, shop);
});
afterAll(() => fixture?.stop());

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
