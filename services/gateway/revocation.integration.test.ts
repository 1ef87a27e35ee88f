import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { decodeProtectedHeader } from 'jose';
import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningService } from '../shared/service-process.ts';
import { eventually } from '../shared/testing/condition.ts';
import { type SpawnedService, spawnService } from '../shared/testing/spawned-service.ts';
import type { TokenStoreClient } from '../token-store/client/token-store-client.ts';
import type { RevokeRequest } from '../token-store/contract.ts';
import { upsert } from '../token-store/testing/intents.ts';
import {
  startTokenStoreFixture,
  type TokenStoreFixture,
  testLiveSettings,
} from '../token-store/testing/token-store-fixture.ts';
import { exampleRoute } from './testing/example-route.ts';
import { type GatewayStage, startGatewayStage, startUpstream } from './testing/gateway-stage.ts';

const [first, second] = ['127.0.0.21', '127.0.0.22'];
/** The goal of docs/consistency.md, as the end of a wait. ms */
const promised = 2_000;
/** Where a process or the database has to come back first. ms */
const afterFault = 15_000;

describe('a gateway that follows the revocations of real token-stores', () => {
  let fixture: TokenStoreFixture;
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  let stage: GatewayStage;
  let client: Pool;
  let store: TokenStoreClient;
  let port: number;
  let inProcess: RunningService;
  let killed: SpawnedService;

  const spawnStore = (): Promise<SpawnedService> => {
    // Of its own: it tells its ports in a log at `info`.
    const liveDirectory = join(dirname(fixture.settings().identityDirectory), 'spawned-live');
    mkdirSync(liveDirectory);
    fixture.writeFile('spawned-live/live.json', JSON.stringify(testLiveSettings('info')));
    const settings = { ...fixture.settings(first), liveDirectory, port };
    const path = fixture.writeFile('spawned.json', JSON.stringify(settings));
    return spawnService(join(import.meta.dirname, '../token-store/main.ts'), path, first);
  };
  const probe = async (): Promise<{ status: number; body: string }> => {
    const answer = await fetch(`http://127.0.0.1:${stage.gateway.ports['probe']}/readyz`);
    return { status: answer.status, body: await answer.text() };
  };
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${stage.gateway.ports['probe']}/metrics`)).text();
    return Number(new RegExp(`^${name}\\{[^}]*\\} (.+)$`, 'm').exec(text)?.[1]);
  };

  beforeAll(async () => {
    fixture = await startTokenStoreFixture();
    upstream = await startUpstream((_request, response) => response.end('passed'));
    const vacated = await fixture.start({ listenAddress: first });
    port = vacated.ports['token-store'] ?? 0;
    await vacated.stop();
    stage = await startGatewayStage({
      routes: [exampleRoute({ upstreamUrl: upstream.url })],
      settings: async () => ({
        tenant: fixture.settings().tenant,
        namespace: fixture.settings().namespace,
        identityDirectory: join(dirname(fixture.settings().identityDirectory), 'gateway'),
        tokenStore: { headlessHost: first, fallbackHost: second, port },
      }),
    });
    client = new Pool(stage.origin);
    store = fixture.client(port, [first, second]);
  });
  afterAll(async () => {
    await client?.close();
    await stage?.stop();
    await upstream?.stop();
    await killed?.kill();
    await fixture?.stop();
  });

  const newToken = async (claims: Record<string, unknown> = {}): Promise<string> =>
    stage.tokens.sign({ aud: 'https://id.example.com', cep: 0, ...claims });
  const newGrant = async (more: Parameters<typeof upsert>[2] = {}): Promise<string> => {
    const gid = randomUUID();
    await store.commit({ commitId: randomUUID(), intents: [upsert('grant', gid, { clientId: 'shop', ...more })] });
    return gid;
  };
  const send = async (token: string) => {
    const { statusCode, headers, body } = await client.request({
      path: '/example',
      method: 'GET',
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: statusCode, challenge: String(headers['www-authenticate'] ?? ''), text: await body.text() };
  };
  const untilRefused = async (token: string, deadline = promised): Promise<void> => {
    await eventually(async () => (await send(token)).status === 401, deadline);
    const { challenge, text } = await send(token);
    expect(challenge).toBe('Bearer error="invalid_token", error_description="The access token is revoked"');
    expect(JSON.parse(text)).toMatchObject({ status: 401, detail: 'The access token is revoked' });
  };

  it('is not ready before it knows what is revoked', async () => {
    expect(await probe()).toMatchObject({ status: 503, body: expect.stringContaining('revocations not read yet') });
    expect(await metric('revocation_feed_age_seconds')).toBeNaN();
    inProcess = await fixture.start({ listenAddress: second, port });
    killed = await spawnStore();
    await eventually(async () => (await probe()).status === 200, afterFault);
    expect(await metric('revocation_feed_age_seconds')).toBeLessThan(15);
  });

  it('refuses what was revoked, also what it has verified before, and nothing else', async () => {
    const subject = randomUUID();
    const sessionUid = randomUUID();
    const [byGrant, bySubject, bySession, alive] = [
      await newGrant(),
      await newGrant({ subject }),
      await newGrant(),
      await newGrant({ subject: randomUUID() }),
    ];
    await store.commit({
      commitId: randomUUID(),
      intents: [upsert('session', randomUUID(), { uid: sessionUid, familyIds: [bySession] })],
    });
    const jti = randomUUID();
    const cases: [token: string, revocation: RevokeRequest][] = [
      [await newToken({ jti }), { by: 'token', jti, expiresInSeconds: 300 }],
      [await newToken({ gid: byGrant }), { by: 'grant', grantId: byGrant }],
      [await newToken({ gid: bySubject, sub: 'pairwise' }), { by: 'subject', subject }],
      [await newToken({ gid: bySession }), { by: 'session', sessionUid }],
      [await newToken({ client_id: 'gone' }), { by: 'client', clientId: 'gone' }],
    ];
    const untouched = await newToken({ gid: alive });
    for (const [token] of cases) expect(await send(token)).toMatchObject({ status: 200 });
    for (const [token, revocation] of cases) {
      await store.revoke(revocation);
      await untilRefused(token);
    }
    // What the client's next epoch has is another matter, and so is what nobody named.
    expect(await send(await newToken({ client_id: 'gone', cep: 1 }))).toMatchObject({ status: 200, text: 'passed' });
    expect(await send(untouched)).toMatchObject({ status: 200, text: 'passed' });
    expect(await metric('revocation_feed_entries')).toBeGreaterThanOrEqual(3);
  });

  it('goes on at another token-store when its own is killed', async () => {
    const gid = await newGrant();
    const token = await newToken({ gid });
    expect(await send(token)).toMatchObject({ status: 200 });
    await killed.kill();
    await store.revoke({ by: 'grant', grantId: gid });
    await untilRefused(token, afterFault);
  });

  it('hears of what is revoked after the database has restarted', async () => {
    const gid = await newGrant();
    const token = await newToken({ gid });
    expect(await send(token)).toMatchObject({ status: 200 });
    await fixture.postgres.restart();
    await eventually(
      () =>
        store.revoke({ by: 'grant', grantId: gid }).then(
          () => true,
          () => false,
        ),
      afterFault,
    );
    await untilRefused(token, afterFault);
  });

  it('goes on with what it knows while there is no token-store, and tells how old that is', async () => {
    const gid = await newGrant();
    const [revoked, other] = [await newToken({ gid }), await newToken()];
    await store.revoke({ by: 'grant', grantId: gid });
    await untilRefused(revoked, afterFault);
    await inProcess.stop();
    await eventually(async () => (await metric('revocation_feed_age_seconds')) > 1.5, afterFault);
    expect(await send(revoked)).toMatchObject({ status: 401 });
    expect(await send(other)).toMatchObject({ status: 200 });
    expect(await probe()).toMatchObject({ status: 200 });

    inProcess = await fixture.start({ listenAddress: second, port });
    const late = randomUUID();
    const missed = await newToken({ jti: late });
    expect(await send(missed)).toMatchObject({ status: 200 });
    await store.revoke({ by: 'token', jti: late, expiresInSeconds: 300 });
    await untilRefused(missed, afterFault);
    expect(await send(revoked)).toMatchObject({ status: 401 });
  });

  it('refuses everything that a key has signed which the operator has revoked, whatever end it has', async () => {
    const signed = await newToken();
    const { kid = '' } = decodeProtectedHeader(signed);
    expect(await send(signed)).toMatchObject({ status: 200 });
    const revoke = async (role: 'operator' | 'gateway') => {
      const { status } = await fixture.peerPool(role, port, [second]).request({
        method: 'POST',
        path: '/internal/keys/revoke',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ kid }),
        idempotent: true,
      });
      return status;
    };
    expect([await revoke('gateway'), await revoke('operator')]).toEqual([403, 200]);
    await untilRefused(signed);
    await untilRefused(await newToken());
  });
});
