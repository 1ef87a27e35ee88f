import * as client from 'openid-client';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { internalStateSchema } from '../shared/contracts/internal-state.ts';
import type { RunningService } from '../shared/service-process.ts';
import { eventually } from '../shared/testing/condition.ts';
import {
  type AuthFixture,
  app,
  issuer,
  putClient,
  shop,
  shopSecret,
  startAuthFixture,
} from './testing/auth-fixture.ts';
import type { Send } from './testing/browser.ts';
import { ada, discover, register, signIn, startAuthorization } from './testing/relying-party.ts';

const opaqueShop = { ...shop, clientId: 'opaque-shop', accessTokenFormat: 'opaque' as const };
let fixture: AuthFixture;
let services: RunningService[];
let send: Send;
let owner: pg.Client;
const parameters = { redirect_uri: 'https://shop.example/callback', scope: 'openid email orders:read' };

beforeAll(async () => {
  fixture = await startAuthFixture();
  services = [await fixture.start(), await fixture.start()];
  send = fixture.send('gateway', () => services);
  const operator = fixture.send('operator', () => services);
  for (const registration of [shop, app, opaqueShop]) {
    const revision = await putClient(operator, registration);
    for (const service of services) await eventually(async () => (await revisionOf(service)) === revision);
  }
  owner = new pg.Client({ connectionString: fixture.store.databaseUrl });
  await owner.connect();
  const browser = fixture.browser(() => services);
  const { url } = await startAuthorization(await discover(send, shop, shopSecret), parameters);
  await register(browser, await browser.open(url), ada);
});
afterAll(async () => {
  await owner?.end();
  await fixture?.stop();
});

const revisionOf = async (service: RunningService) => {
  const response = await fixture.send('operator', () => [service])(new URL('/internal/state', issuer), {});
  return internalStateSchema.parse(await response.json()).clientRegistryRevision;
};

const getRefreshToken = async (registration: typeof shop = shop) => {
  const configuration = await discover(send, registration, shopSecret);
  const { callback, checks } = await signIn(
    fixture.browser(() => services),
    configuration,
    { parameters },
  );
  const tokens = await client.authorizationCodeGrant(configuration, callback, checks);
  return tokens.refresh_token ?? '';
};

const refresh = async (token: string, more: Record<string, string> = {}, clientId = 'shop') => {
  const response = await send(new URL('/oauth2/token', issuer), {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: `Basic ${Buffer.from(`${clientId}:${shopSecret}`).toString('base64')}`,
    },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token, ...more }).toString(),
  });
  const body = (await response.json()) as Record<string, string>;
  return { status: response.status, error: body['error'], body, next: body['refresh_token'] ?? '' };
};
const isRefused = async (token: string) => (await refresh(token)).error === 'invalid_grant';

describe('a refresh whose answer was lost', () => {
  it.each([shop, opaqueShop])(
    'is answered by the same tokens, at any process, while they are unused: $clientId',
    async (of) => {
      const token = await getRefreshToken(of);
      const first = await refresh(token, {}, of.clientId);
      expect(first.status).toBe(200);
      for (let again = 0; again < 4; again += 1) {
        const repeated = await refresh(token, {}, of.clientId);
        expect([repeated.status, repeated.body]).toEqual([200, first.body]);
      }
      const second = await refresh(first.next, {}, of.clientId);
      expect(second.status).toBe(200);
      expect(second.next).not.toBe(first.next);
      // Its successor is used: somebody else has one of the two.
      expect((await refresh(token, {}, of.clientId)).error).toBe('invalid_grant');
      expect((await refresh(second.next, {}, of.clientId)).error).toBe('invalid_grant');
    },
  );

  it('never forks the family, in 10 rounds of 8 at once', async () => {
    for (let round = 0; round < 10; round += 1) {
      const token = await getRefreshToken();
      const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(token)));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect(new Set(answers.map(({ next }) => next)).size).toBe(1);
      expect((await refresh(answers[0]?.next ?? '')).status).toBe(200);
    }
  });

  it.each<[string, Record<string, string>]>([
    ['scope', { scope: 'openid' }],
    ['resource', { resource: 'https://api.shop.example' }],
  ])('is not answered to another %s: the family ends', async (_what, more) => {
    const token = await getRefreshToken();
    const { next } = await refresh(token);
    expect((await refresh(token, more)).error).toBe('invalid_grant');
    expect(await isRefused(next)).toBe(true);
  });

  it('is not answered to another client, and that client ends nothing', async () => {
    const token = await getRefreshToken();
    const { next } = await refresh(token);
    expect((await refresh(token, {}, 'opaque-shop')).error).toBe('invalid_grant');
    expect((await refresh(next)).status).toBe(200);
  });

  it('is not answered after the leeway: the family ends', async () => {
    const token = await getRefreshToken();
    const { next } = await refresh(token);
    await owner.query('UPDATE token_store.refresh_replays SET expires_at = now()');
    expect(await isRefused(token)).toBe(true);
    expect(await isRefused(next)).toBe(true);
  });

  it('is not answered when the family was revoked', async () => {
    const token = await getRefreshToken();
    await refresh(token);
    await owner.query('UPDATE token_store.grants SET revoked_at = now()');
    expect(await isRefused(token)).toBe(true);
  });

  it('is not answered to another key, and to the same one is', async () => {
    const configuration = await discover(send, app);
    const redirect = { redirect_uri: 'https://app.example/callback', scope: 'openid' };
    const [mine, other] = await Promise.all([client.randomDPoPKeyPair(), client.randomDPoPKeyPair()]);
    const handle = (pair: client.CryptoKeyPair) => ({ DPoP: client.getDPoPHandle(configuration, pair) });
    const { callback, checks } = await signIn(
      fixture.browser(() => services),
      configuration,
      { parameters: redirect },
    );
    const tokens = await client.authorizationCodeGrant(configuration, callback, checks, undefined, handle(mine));
    const token = tokens.refresh_token ?? '';
    const first = await client.refreshTokenGrant(configuration, token, undefined, handle(mine));
    const again = await client.refreshTokenGrant(configuration, token, undefined, handle(mine));
    expect(again.refresh_token).toBe(first.refresh_token);
    await expect(client.refreshTokenGrant(configuration, token, undefined, handle(other))).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });

  it('keeps nothing readable', async () => {
    const token = await getRefreshToken();
    const { next, body } = await refresh(token);
    const { rows } = await owner.query<{ answer: Buffer }>('SELECT answer FROM token_store.refresh_replays');
    const dump = rows.map(({ answer }) => answer.toString('latin1')).join('\n');
    for (const secret of [token, next, body['access_token'] ?? '']) expect(dump).not.toContain(secret);
  });
});
