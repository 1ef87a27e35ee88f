import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeProtectedHeader } from 'jose';
import * as client from 'openid-client';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { internalStateSchema } from '../shared/contracts/internal-state.ts';
import { type RunningService, startService } from '../shared/service-process.ts';
import { eventually } from '../shared/testing/condition.ts';
import { buildAuth } from './service.ts';
import { type AuthFixture, issuer, putClient, shop, shopSecret, startAuthFixture } from './testing/auth-fixture.ts';
import type { Send } from './testing/browser.ts';
import { ada, discover, register, signIn, startAuthorization } from './testing/relying-party.ts';
import { buildTestKeyring, createTestKey, writeTestKeyring } from './testing/signing-keys.ts';

let fixture: AuthFixture;
let processes: Pick<RunningService, 'ports'>[];
let send: Send;
let operator: Send;
const services = () => processes;
const parameters = { redirect_uri: 'https://shop.example/callback', scope: 'openid email' };

beforeAll(async () => {
  fixture = await startAuthFixture();
  processes = await Promise.all([fixture.startProcess(), fixture.startProcess()]);
  send = fixture.send('gateway', services);
  operator = fixture.send('operator', services);
  const revision = await putClient(operator, shop);
  for (const process of processes)
    await eventually(async () => (await readState(process)).clientRegistryRevision === revision);
  const browser = fixture.browser(services);
  const { url } = await startAuthorization(await discover(send, shop, shopSecret), parameters);
  await register(browser, await browser.open(url), ada);
});
afterAll(() => fixture?.stop());

const readState = async (process: Pick<RunningService, 'ports'>) => {
  const response = await fixture.send('operator', () => [process])(new URL('/internal/state', issuer), {});
  return internalStateSchema.parse(await response.json());
};

const token = async (form: Record<string, string>) => {
  const response = await send(new URL('/oauth2/token', issuer), {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: `Basic ${Buffer.from(`shop:${shopSecret}`).toString('base64')}`,
    },
    body: new URLSearchParams(form).toString(),
  });
  const body = (await response.json()) as Record<string, string>;
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body };
};

const writeUrl = (url: string): string => {
  const folder = join(fixture.directory, 'nowhere');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'url'), url);
  return join(folder, 'url');
};

const getCode = async () => {
  const configuration = await discover(send, shop, shopSecret);
  const { callback, checks } = await signIn(fixture.browser(services), configuration, { parameters });
  return {
    grant_type: 'authorization_code',
    code: callback.searchParams.get('code') ?? '',
    redirect_uri: parameters.redirect_uri,
    code_verifier: checks.pkceCodeVerifier,
  };
};

describe('eight at once over two processes', () => {
  it('exchanges of one code have one winner, and the losers do not keep it', async () => {
    for (let round = 0; round < 5; round += 1) {
      const exchange = await getCode();
      const answers = await Promise.all(Array.from({ length: 8 }, () => token(exchange)));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      for (const { status, body } of answers.filter((answer) => answer.status !== 200)) {
        expect([status, body['error']]).toEqual([400, 'invalid_grant']);
      }
    }
  });

  it('refreshes of one token have one successor, which all of them get', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { body } = await token(await getCode());
      const refresh = { grant_type: 'refresh_token', refresh_token: body['refresh_token'] ?? '' };
      const answers = await Promise.all(Array.from({ length: 8 }, () => token(refresh)));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect(new Set(answers.map((answer) => answer.body['refresh_token'])).size).toBe(1);
    }
  });
});

describe('a token-store that is away', () => {
  it('makes requests ones to repeat, and burns neither code nor refresh token', async () => {
    const exchange = await getCode();
    const { body } = await token(await getCode());
    const refresh = { grant_type: 'refresh_token', refresh_token: body['refresh_token'] ?? '' };
    const browser = fixture.browser(services);
    const { url } = await startAuthorization(await discover(send, shop, shopSecret), parameters);
    const page = await browser.open(url);

    await fixture.stopTokenStore();
    for (const form of [exchange, refresh]) {
      const away = await token(form);
      expect([away.status, away.body['error']]).toEqual([503, 'temporarily_unavailable']);
      expect(Number(away.retryAfter)).toBeGreaterThan(0);
    }
    const refused = await browser.submit(page, ada);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).not.toBeNull();
    expect(refused.html).toContain('Nothing is lost');
    const userinfo = await send(new URL('/oauth2/userinfo', issuer), {
      headers: { authorization: `Bearer ${body['access_token']}` },
    });
    expect(userinfo.status).toBe(503);
    // What needs no record goes on.
    expect((await token({ grant_type: 'client_credentials' })).status).toBe(200);
    expect((await send(new URL('/oauth2/jwks', issuer), {})).status).toBe(200);
    expect(await Promise.all(processes.map(async (process) => (await readState(process)).ready))).toEqual([true, true]);

    await fixture.startTokenStore();
    await eventually(async () => (await token(exchange)).status === 200);
    expect((await token(refresh)).status).toBe(200);
    expect((await browser.submit(page, ada)).url.origin).toBe('https://shop.example');
  });
});

describe('a database that is away', () => {
  it('degrades answers, leaves the pods ready, and is found again', async () => {
    const { body } = await token(await getCode());
    const refresh = { grant_type: 'refresh_token', refresh_token: body['refresh_token'] ?? '' };
    const browser = fixture.browser(services);
    const { url } = await startAuthorization(await discover(send, shop, shopSecret), parameters);
    const page = await browser.open(url);

    await fixture.store.postgres.kill();
    expect((await token(refresh)).status).toBe(503);
    expect((await browser.submit(page, ada)).status).toBe(503);
    expect((await token({ grant_type: 'client_credentials' })).status).toBe(200);
    const put = await operator(new URL('/internal/clients/shop', issuer), {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(shop),
    });
    expect([put.status, put.headers.get('retry-after')]).toEqual([503, '2']);
    const [state] = await Promise.all(processes.map(readState));
    expect(state).toMatchObject({ ready: true, database: { reachable: false, error: expect.any(String) } });

    await fixture.store.postgres.restart();
    await eventually(async () => (await token(refresh)).status === 200);
    await eventually(async () => (await browser.submit(page, ada)).url.origin === 'https://shop.example');
    expect((await readState(processes[0] ?? { ports: {} })).database?.schemaVersion).toBeDefined();
  });

  it('at start keeps a pod from being ready, and the operator is told why', async () => {
    const options = await buildAuth(
      {
        ...fixture.settings(),
        database: { urlFile: writeUrl('postgres://x:y@127.0.0.1:1/x?sslmode=disable'), maxConnections: 1 },
      },
      pino({ level: 'silent' }),
    );
    const service = await startService(options);
    try {
      expect(options.ready()).toEqual(['client registry not read yet']);
      expect(await readState(service)).toMatchObject({
        ready: false,
        database: { reachable: false, error: 'ECONNREFUSED' },
      });
      const probe = await fetch(`http://127.0.0.1:${service.ports['probe']}/readyz`);
      expect(probe.status).toBe(503);
    } finally {
      await service.stop();
    }
  });
});

describe('the client registry', () => {
  it('has one revision a change, at every process within moments', async () => {
    const reporting = { ...shop, clientId: 'reporting', redirectUris: ['https://reporting.example/callback'] };
    const first = await putClient(operator, reporting);
    expect(await putClient(operator, reporting)).toBe(first);
    const renamed = await putClient(operator, { ...reporting, clientName: 'Reports' });
    expect(renamed).toBe(first + 1);
    for (const process of processes) {
      await eventually(async () => (await readState(process)).clientRegistryRevision === renamed, 3000);
    }
    const remove = async () => {
      const response = await operator(new URL('/internal/clients/reporting', issuer), { method: 'DELETE' });
      return (await response.json()) as { revision: number };
    };
    expect(await remove()).toEqual({ revision: renamed + 1 });
    expect(await remove()).toEqual({ revision: renamed + 1 });
    for (const process of processes) {
      await eventually(async () => (await readState(process)).clientRegistryRevision === renamed + 1, 3000);
    }
  });

  it.each([
    [{ clientId: 'other' }, 'clientId'],
    [{ redirectUris: ['javascript:alert(1)'] }, 'javascript'],
    [{ redirectUris: ['https://shop.example/#fragment'] }, 'fragment'],
    [{ redirectUris: [] }, 'redirect_uris'],
    [{ secretHashes: ['short'] }, 'secretHashes'],
  ])('refuses %j and says why', async (changes, detail) => {
    const response = await operator(new URL('/internal/clients/bad', issuer), {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...shop, clientId: 'bad', ...changes }),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining(detail) });
  });
});

describe('keys', () => {
  it('change under load without one failed request, and the old key’s tokens stay good', async () => {
    const configuration = await discover(send, shop, shopSecret);
    const { callback, checks } = await signIn(fixture.browser(services), configuration, { parameters });
    const tokens = await client.authorizationCodeGrant(configuration, callback, checks);
    const directory = join(fixture.directory, 'signing-keys');
    const [before] = fixture.keys;
    if (before === undefined) throw new Error('no key');
    const next = await createTestKey('EdDSA', 'Active');

    const load = { stop: false, statuses: new Map<number, number>(), kids: new Set<string>() };
    const workers = Array.from({ length: 4 }, async () => {
      while (!load.stop) {
        const { status, body } = await token({ grant_type: 'client_credentials' });
        load.statuses.set(status, (load.statuses.get(status) ?? 0) + 1);
        load.kids.add(decodeProtectedHeader(body['access_token'] ?? '').kid ?? '');
      }
    });
    const superseded = { ...before, key: { ...before.key, state: 'Superseded' as const } };
    const keyring = buildTestKeyring([superseded, next], 2, randomUUID());
    writeTestKeyring(directory, keyring, [next]);
    for (const process of processes) {
      await eventually(async () => (await readState(process)).keyring?.signingKid === next.key.kid);
    }
    await eventually(() => load.kids.has(next.key.kid));
    load.stop = true;
    await Promise.all(workers);
    expect([...load.statuses.keys()]).toEqual([200]);
    expect(load.kids).toEqual(new Set([before.key.kid, next.key.kid]));

    const changed = await discover(send, shop, shopSecret);
    const subject = tokens.claims()?.sub ?? '';
    expect(await client.fetchUserInfo(changed, tokens.access_token, subject)).toMatchObject({ email: ada.email });
    const refreshed = await client.refreshTokenGrant(changed, tokens.refresh_token ?? '');
    expect(decodeProtectedHeader(refreshed.id_token ?? '')).toMatchObject({ alg: 'EdDSA', kid: next.key.kid });
  });

  it('that cannot be used leave the last ones in place', async () => {
    const [state] = await Promise.all(processes.map(readState));
    writeFileSync(join(fixture.directory, 'signing-keys', 'keyring.json'), '{"keys": []}');
    const probe = new URL('/oauth2/jwks', issuer);
    // The change is noticed within a fraction of this; nothing may come of it.
    const deadline = Date.now() + 1000;
    while (Date.now() < deadline) expect((await send(probe, {})).status).toBe(200);
    expect((await readState(processes[0] ?? { ports: {} })).keyring).toEqual(state?.keyring);
  });
});
