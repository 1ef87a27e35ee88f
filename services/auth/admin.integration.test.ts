import { randomUUID } from 'node:crypto';
import * as client from 'openid-client';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningService } from '../shared/service-process.ts';
import { upsert } from '../token-store/testing/intents.ts';
import { type AuthFixture, issuer, putClient, shop, shopSecret, startAuthFixture } from './testing/auth-fixture.ts';
import { discover, register, signIn, startAuthorization } from './testing/relying-party.ts';

let fixture: AuthFixture;
let service: RunningService;
let configuration: client.Configuration;
const services = () => [service];
const parameters = { redirect_uri: 'https://shop.example/callback', scope: 'openid email' };

beforeAll(async () => {
  fixture = await startAuthFixture();
  service = await fixture.start();
  await putClient(fixture.send('operator', services), shop);
  configuration = await discover(fixture.send('gateway', services), shop, shopSecret);
});
afterAll(() => fixture?.stop());

type Json = Record<string, unknown>;

const ask = async (method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }> => {
  const response = await fixture.send('operator', services)(new URL(`/internal${path}`, issuer), {
    method,
    ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Json };
};
const listOf = (answer: { body: Json }, member: string): Json[] => (answer.body[member] ?? []) as Json[];

const somebody = async (name: string) => {
  const person = { email: `${name}@example.test`, password: 'analytical engine no. 1', name: 'Ada' };
  const { url } = await startAuthorization(configuration, parameters);
  const browser = fixture.browser(services);
  await register(browser, await browser.open(url), person);
  const found = await ask('POST', '/accounts/find', { email: ` ${person.email.toUpperCase()} ` });
  return { person, id: String(listOf(found, 'accounts')[0]?.['id']) };
};
const tokensOf = async (person: { email: string; password: string }) => {
  const { callback, checks } = await signIn(fixture.browser(services), configuration, { parameters, person });
  return client.authorizationCodeGrant(configuration, callback, checks);
};
const refreshes = (refreshToken = ''): Promise<boolean> =>
  client.refreshTokenGrant(configuration, refreshToken).then(
    () => true,
    () => false,
  );
const eventsOf = async (id: string): Promise<unknown[]> =>
  listOf(await ask('GET', `/accounts/${id}/audit-events`), 'events').map(({ event }) => event);

describe('an account', () => {
  it('is found by its address and by its id, disabled or not', async () => {
    const { person, id } = await somebody('found');
    const expected = { id, email: person.email, emailVerified: false, name: 'Ada', pending: false };
    const { body } = await ask('GET', `/accounts/${id}`);
    expect(body).toMatchObject(expected);
    expect(body).not.toHaveProperty('disabledAt');
    await ask('PATCH', `/accounts/${id}`, { disabled: true });
    const found = await ask('POST', '/accounts/find', { email: person.email });
    expect(listOf(found, 'accounts')).toMatchObject([{ ...expected, disabledAt: expect.any(String) }]);
    expect(await ask('POST', '/accounts/find', { email: 'nobody@example.test' })).toEqual({
      status: 200,
      body: { accounts: [] },
    });
    expect((await ask('GET', '/accounts/nobody')).status).toBe(404);
  });

  it('that is disabled has ended when it is answered, and is on record', async () => {
    const { person, id } = await somebody('disabled');
    const tokens = await tokensOf(person);
    expect((await ask('PATCH', `/accounts/${id}`, { disabled: true })).body).toEqual({ changed: true });
    expect(await refreshes(tokens.refresh_token)).toBe(false);
    expect((await ask('PATCH', `/accounts/${id}`, { disabled: true })).body).toEqual({ changed: false });
    expect((await ask('PATCH', `/accounts/${id}`, { disabled: false })).body).toEqual({ changed: true });
    expect((await tokensOf(person)).access_token).toBeTruthy();
    expect((await eventsOf(id)).slice(0, 3)).toEqual(['sign_in_succeeded', 'account_enabled', 'account_disabled']);
    const [, enabled] = listOf(await ask('GET', `/accounts/${id}/audit-events`), 'events');
    expect(enabled).toMatchObject({ accountId: id, details: { by: 'operator' } });
  });

  it('that is deleted leaves nothing of the person but events under its id', async () => {
    const { person, id } = await somebody('deleted');
    const tokens = await tokensOf(person);
    expect((await ask('DELETE', `/accounts/${id}`)).body).toEqual({ deleted: true });
    expect(await refreshes(tokens.refresh_token)).toBe(false);
    expect((await ask('GET', `/accounts/${id}`)).status).toBe(404);
    expect((await ask('DELETE', `/accounts/${id}`)).body).toEqual({ deleted: false });
    const events = listOf(await ask('GET', `/accounts/${id}/audit-events`), 'events');
    expect(events.map(({ event }) => event)).toEqual(['account_deleted', 'sign_in_succeeded', 'account_registered']);
    for (const event of events) expect(event).not.toHaveProperty('clientAddress');
    const owner = new pg.Client({ connectionString: fixture.store.databaseUrl });
    await owner.connect();
    try {
      const { rows: tables } = await owner.query<{ name: string }>(
        `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'auth'`,
      );
      for (const { name } of tables) {
        const { rows } = await owner.query(`SELECT 1 FROM auth.${name} AS kept WHERE kept::text LIKE '%deleted@%'`);
        expect([name, rows.length]).toEqual([name, 0]);
      }
    } finally {
      await owner.end();
    }
    // The address is free, and whoever comes next is another.
    expect((await somebody('deleted')).id).not.toBe(id);
  });
});

describe('sessions', () => {
  it('are listed with the applications that were opened, and ended, one or all', async () => {
    const { person, id } = await somebody('sessions');
    const tokens = [await tokensOf(person), await tokensOf(person), await tokensOf(person)];
    const listed = listOf(await ask('GET', `/accounts/${id}/sessions`), 'sessions');
    expect(listed).toHaveLength(3);
    expect(listed[0]).toMatchObject({
      clientIds: ['shop'],
      device: 'Firefox on Linux',
      usedAt: expect.stringMatching(/Z$/),
    });
    expect((await ask('DELETE', `/accounts/${id}/sessions/${listed[0]?.['uid']}`)).body).toEqual({ revoked: true });
    const alive = await Promise.all(tokens.map(({ refresh_token }) => refreshes(refresh_token)));
    expect(alive).toEqual([true, true, false]);
    const stranger = await somebody('stranger');
    const foreign = await ask('DELETE', `/accounts/${stranger.id}/sessions/${listed[1]?.['uid']}`);
    expect(foreign.status).toBe(404);
    expect((await ask('DELETE', `/accounts/${id}/sessions`)).body).toEqual({ revoked: true });
    expect((await ask('GET', `/accounts/${id}/sessions`)).body).toEqual({ sessions: [] });
    expect((await eventsOf(id)).slice(0, 2)).toEqual(['signed_out_everywhere', 'session_ended']);
  });

  it('that a hundred newer ones keep off the list are ended too', async () => {
    const { person, id } = await somebody('hundred');
    const { refresh_token } = await tokensOf(person);
    const [own] = listOf(await ask('GET', `/accounts/${id}/sessions`), 'sessions');
    const store = fixture.store.client(fixture.settings().tokenStore.port);
    const newer = Array.from({ length: 100 }, () => {
      const uid = randomUUID();
      return upsert('session', randomUUID(), { uid, subject: id, payload: { uid } });
    });
    for (const session of newer) await store.commit({ commitId: randomUUID(), intents: [session] });
    const listed = listOf(await ask('GET', `/accounts/${id}/sessions`), 'sessions');
    expect([listed.length, listed.some(({ uid }) => uid === own?.['uid'])]).toEqual([100, false]);
    expect((await ask('DELETE', `/accounts/${id}/sessions/${own?.['uid']}`)).body).toEqual({ revoked: true });
    expect(await refreshes(refresh_token)).toBe(false);
  });
});

describe('audit events', () => {
  it('are paged without a gap or a repetition, and bounded by time', async () => {
    const { id } = await somebody('paged');
    for (let n = 0; n < 4; n += 1) await ask('PATCH', `/accounts/${id}`, { disabled: n % 2 === 0 });
    const all = listOf(await ask('GET', '/audit-events?limit=200'), 'events');
    const paged: Json[] = [];
    let next: unknown = '';
    while (next !== undefined) {
      const cursor = next === '' ? '' : `&cursor=${next}`;
      const page = await ask('GET', `/audit-events?limit=2${cursor}`);
      paged.push(...listOf(page, 'events'));
      next = page.body['next'];
    }
    expect(paged.map((event) => event['id'])).toEqual(all.map((event) => event['id']));
    const [newest, , third] = all;
    const period = `from=${third?.['at']}&until=${newest?.['at']}`;
    const within = listOf(await ask('GET', `/audit-events?${period}`), 'events').map((event) => event['id']);
    expect(within).toContain(third?.['id']);
    expect(within).not.toContain(newest?.['id']);
    const ofAccount = listOf(await ask('GET', `/accounts/${id}/audit-events?limit=3`), 'events');
    expect(ofAccount.map(({ event }) => event)).toEqual(['account_enabled', 'account_disabled', 'account_enabled']);
  });

  it('are nobody’s but the operator’s', async () => {
    for (const role of ['gateway', 'token-store'] as const) {
      const response = await fixture.send(role, services)(new URL('/internal/audit-events', issuer), {});
      expect([role, response.status]).toEqual([role, 403]);
    }
  });
});
