import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { TokenStoreClient } from './client/token-store-client.ts';
import type { Intent, RecordKind, TransactionResponse } from './contract.ts';
import { hashRecordId } from './record-hash.ts';
import { committed, newTokenId, refused, upsert } from './testing/intents.ts';
import { startTokenStoreFixture, type TokenStoreFixture } from './testing/token-store-fixture.ts';

let fixture: TokenStoreFixture;
let first: TokenStoreClient;
let second: TokenStoreClient;
let owner: pg.Client;

beforeAll(async () => {
  fixture = await startTokenStoreFixture();
  const services = [await fixture.start(), await fixture.start()] as const;
  first = fixture.client(services[0].ports['token-store'] ?? 0);
  second = fixture.client(services[1].ports['token-store'] ?? 0);
  owner = new pg.Client({ connectionString: fixture.databaseUrl });
  await owner.connect();
});
afterAll(async () => {
  await owner?.end();
  await fixture?.stop();
});

const commit = (intents: Intent[], options: { client?: TokenStoreClient; commitId?: string } = {}) =>
  (options.client ?? first).commit({ commitId: options.commitId ?? randomUUID(), intents });
const find = (kind: RecordKind, value: string, by: 'id' | 'uid' | 'user_code' = 'id') =>
  first.find({ kind, by, value });
const outcomes = (responses: TransactionResponse[]) =>
  responses.filter(({ outcome }) => outcome === 'committed').length;

/** Waits until that many transactions wait for a lock that `owner` holds. */
const waitForLocks = (count: number) =>
  vi.waitFor(async () => {
    // Within a transaction PostgreSQL shows the first look again, unless told otherwise.
    await owner.query('SELECT pg_stat_clear_snapshot()');
    const waiting = await owner.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`);
    expect(waiting.rowCount).toBe(count);
  });

/** A grant with a record of its family; returns their ids. */
const issue = async (kind: RecordKind): Promise<{ grantId: string; id: string }> => {
  const grantId = randomUUID();
  const id = newTokenId();
  expect(
    await commit([upsert('grant', grantId, { subject: 's', clientId: 'c' }), upsert(kind, id, { grantId })]),
  ).toEqual(committed);
  return { grantId, id };
};

describe('single use', () => {
  it.each(['authorization_code', 'refresh_token'] as const)(
    'lets one of 8 consume a %s, 40 times of 40',
    async (kind) => {
      for (let round = 0; round < 40; round += 1) {
        const { grantId, id } = await issue(kind);
        const responses = await Promise.all(
          Array.from({ length: 8 }, (_, index) =>
            commit([{ operation: 'consume', kind, id }, upsert('access_token', newTokenId(), { grantId })], {
              client: index % 2 === 0 ? first : second,
            }),
          ),
        );
        expect(outcomes(responses)).toBe(1);
        for (const response of responses.filter(({ outcome }) => outcome === 'refused')) {
          // A loser that comes after another loser's revocation finds the family gone already.
          expect([refused('already_consumed'), refused('grant_revoked')]).toContainEqual(response);
        }
      }
    },
  );

  it('lets one of 8 use a one-time id, over two servers', async () => {
    const id = randomUUID();
    const responses = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        commit([{ operation: 'use_once', namespace: 'dpop', id, expiresInSeconds: 60 }], {
          client: index % 2 === 0 ? first : second,
        }),
      ),
    );
    expect(outcomes(responses)).toBe(1);
    expect(responses).toContainEqual(refused('already_used'));
  });

  it('ends the family of a refresh token that is presented again, in the same call', async () => {
    const { grantId, id } = await issue('refresh_token');
    const successor = newTokenId();
    await commit([
      { operation: 'consume', kind: 'refresh_token', id },
      upsert('refresh_token', successor, { grantId }),
    ]);
    expect(await commit([{ operation: 'consume', kind: 'refresh_token', id }])).toEqual(refused('already_consumed'));
    expect((await find('refresh_token', successor)).record).toBeUndefined();
    expect((await find('grant', grantId)).record).toBeUndefined();
  });

  it('keeps the family of a code that is presented again: the caller decides', async () => {
    const { grantId, id } = await issue('authorization_code');
    await commit([{ operation: 'consume', kind: 'authorization_code', id }]);
    expect(await commit([{ operation: 'consume', kind: 'authorization_code', id }])).toEqual(
      refused('already_consumed'),
    );
    expect((await find('grant', grantId)).record).toBeDefined();
  });

  it('tells by consumedAt that a record was used', async () => {
    const { id } = await issue('authorization_code');
    expect((await find('authorization_code', id)).record?.consumedAt).toBeUndefined();
    await commit([{ operation: 'consume', kind: 'authorization_code', id }]);
    expect((await find('authorization_code', id)).record?.consumedAt).toBeDefined();
  });

  it('writes nothing of a refused transaction, but keeps what was seen once', async () => {
    const { id } = await issue('authorization_code');
    const other = await issue('refresh_token');
    await commit([{ operation: 'consume', kind: 'authorization_code', id }]);
    const session = randomUUID();
    const proof = { operation: 'use_once', namespace: 'dpop', id: randomUUID(), expiresInSeconds: 60 } as const;
    expect(
      await commit([
        proof,
        { operation: 'consume', kind: 'refresh_token', id: other.id },
        { operation: 'consume', kind: 'authorization_code', id },
        upsert('session', session, { uid: session }),
      ]),
    ).toEqual(refused('already_consumed'));
    expect((await find('session', session)).record).toBeUndefined();
    expect((await find('refresh_token', other.id)).record?.consumedAt).toBeUndefined();
    expect(await commit([proof])).toEqual(refused('already_used'));
  });
});

describe('a refresh that comes again', () => {
  const fingerprint = 'f'.repeat(43);
  const answer = Buffer.from('answer').toString('base64');
  const refresh = (from: { grantId: string; id: string }, more: { fingerprint?: string; successor?: string } = {}) => {
    const { successor = newTokenId() } = more;
    const replay = { fingerprint: more.fingerprint ?? fingerprint, successorId: successor, answer, leewaySeconds: 60 };
    const intents: Intent[] = [
      { operation: 'consume', kind: 'refresh_token', id: from.id, replay },
      upsert('refresh_token', successor, { grantId: from.grantId }),
    ];
    return { intents, successor };
  };
  const replayed: TransactionResponse = { outcome: 'replayed', answer };

  it('gets the answer of the first, writes nothing, and the first goes on being itself', async () => {
    const from = await issue('refresh_token');
    const commitId = randomUUID();
    const used = refresh(from);
    const again = refresh(from);
    expect(await commit(used.intents, { commitId })).toEqual(committed);
    expect((await find('refresh_token', from.id)).record).toMatchObject({ isReplayable: true });
    expect(await commit(again.intents, { client: second })).toEqual(replayed);
    expect((await find('refresh_token', again.successor)).record).toBeUndefined();
    expect(await commit(used.intents, { commitId })).toEqual(committed);
    expect((await find('refresh_token', used.successor)).record).toBeDefined();
  });

  it.each<[string, (from: { grantId: string; id: string }, successor: string) => Promise<unknown>, string?]>([
    ['after the leeway', () => owner.query('UPDATE token_store.refresh_replays SET expires_at = now()')],
    ['with other inputs', async () => undefined, 'g'.repeat(43)],
    ['that is over already', ({ grantId }) => commit([{ operation: 'revoke_grant', grantId }])],
    ['whose successor is used', (_from, id) => commit([{ operation: 'consume', kind: 'refresh_token', id }])],
  ])('ends the family %s', async (_name, before, other) => {
    const from = await issue('refresh_token');
    const used = refresh(from);
    await commit(used.intents);
    await before(from, used.successor);
    const again = refresh(from, other === undefined ? {} : { fingerprint: other });
    expect(await commit(again.intents)).toEqual(refused('already_consumed'));
    expect((await find('grant', from.grantId)).record).toBeUndefined();
  });
});

describe('a commit that comes again', () => {
  it('has the same outcome, from another server too', async () => {
    const { grantId, id } = await issue('refresh_token');
    const commitId = randomUUID();
    const successor = newTokenId();
    const intents: Intent[] = [
      { operation: 'use_once', namespace: 'dpop', id: randomUUID(), expiresInSeconds: 60 },
      { operation: 'consume', kind: 'refresh_token', id },
      upsert('refresh_token', successor, { grantId }),
    ];
    expect(await commit(intents, { commitId })).toEqual(committed);
    expect(await commit(intents, { commitId, client: second })).toEqual(committed);
    expect((await find('refresh_token', successor)).record?.consumedAt).toBeUndefined();
    const late = randomUUID();
    expect(await commit(intents, { commitId: late })).toEqual(refused('already_used'));
    expect(await commit(intents.slice(1), { commitId: late })).toEqual(refused('already_consumed'));
    expect(await commit(intents.slice(1), { commitId: late })).toEqual(refused('already_consumed'));
  });

  it('has the same outcome when the record expired meanwhile', async () => {
    const { id } = await issue('authorization_code');
    const commitId = randomUUID();
    const intents: Intent[] = [{ operation: 'consume', kind: 'authorization_code', id }];
    expect(await commit(intents, { commitId })).toEqual(committed);
    await owner.query(`UPDATE token_store.short_lived SET expires_at = now() - interval '1 second'`);
    expect(await commit(intents, { commitId })).toEqual(committed);
  });
});

describe('families', () => {
  it('hides what belongs to a revoked one, and issues no more to it', async () => {
    const { grantId, id } = await issue('refresh_token');
    const code = randomUUID();
    await commit([upsert('authorization_code', code, { grantId })]);
    expect(await commit([{ operation: 'revoke_grant', grantId }])).toEqual(committed);
    for (const [kind, value] of [
      ['grant', grantId],
      ['refresh_token', id],
      ['authorization_code', code],
    ] as const) {
      expect(await find(kind, value)).toEqual({ related: [] });
    }
    expect(await commit([{ operation: 'consume', kind: 'refresh_token', id }])).toEqual(refused('grant_revoked'));
    expect(await commit([upsert('access_token', newTokenId(), { grantId })])).toEqual(refused('grant_revoked'));
    expect(await commit([upsert('grant', grantId)])).toEqual(refused('grant_revoked'));
    expect(await commit([upsert('access_token', newTokenId(), { grantId: 'unknown' })])).toEqual(
      refused('grant_revoked'),
    );
  });

  it('counts a destroyed grant as revoked', async () => {
    const { grantId, id } = await issue('refresh_token');
    await commit([{ operation: 'destroy', kind: 'grant', id: grantId }]);
    expect((await find('refresh_token', id)).record).toBeUndefined();
    expect(await commit([upsert('grant', grantId)])).toEqual(refused('grant_revoked'));
  });

  it('leaves no living token of a refresh that races a revocation, in 30 rounds', async () => {
    for (let round = 0; round < 30; round += 1) {
      const { grantId, id } = await issue('refresh_token');
      const successor = newTokenId();
      const [refresh, revocation] = await Promise.all([
        commit([{ operation: 'consume', kind: 'refresh_token', id }, upsert('refresh_token', successor, { grantId })]),
        commit([{ operation: 'revoke_grant', grantId }], { client: second }),
      ]);
      expect([committed, refused('grant_revoked')]).toContainEqual(refresh);
      expect(revocation).toEqual(committed);
      expect((await find('refresh_token', successor)).record).toBeUndefined();
      expect(await commit([{ operation: 'consume', kind: 'refresh_token', id: successor }])).not.toEqual(committed);
    }
  });

  it('makes an issue wait for a revocation under way, and refuses it then', async () => {
    const { grantId, id } = await issue('refresh_token');
    await owner.query('BEGIN');
    await owner.query('UPDATE token_store.grants SET revoked_at = now() WHERE id_hash = $1', [
      hashRecordId('grant', grantId),
    ]);
    const refresh = commit([
      { operation: 'consume', kind: 'refresh_token', id },
      upsert('refresh_token', newTokenId(), { grantId }),
    ]);
    await waitForLocks(1);
    await owner.query('COMMIT');
    expect(await refresh).toEqual(refused('grant_revoked'));
  });

  it('answers introspection by what the token names', async () => {
    const { grantId } = await issue('refresh_token');
    const uid = randomUUID();
    const jti = randomUUID();
    await commit([upsert('session', randomUUID(), { uid })]);
    const introspect = () => second.introspect({ jti, clientId: 'c', grantId, sessionUid: uid });
    expect(await introspect()).toEqual({ active: true });
    expect(await second.introspect({ jti, clientId: 'c', grantId, sessionUid: 'other' })).toEqual({ active: false });
    await first.revoke({ by: 'token', jti, expiresInSeconds: 60 });
    expect(await introspect()).toEqual({ active: false });
    const other = { jti: randomUUID(), clientId: 'c', grantId };
    expect(await second.introspect(other)).toEqual({ active: true });
    await commit([{ operation: 'revoke_grant', grantId }]);
    expect(await second.introspect(other)).toEqual({ active: false });
    expect(await second.introspect({ jti: other.jti, clientId: 'c' })).toEqual({ active: true });
  });
});

describe('records', () => {
  it('come with their grant and session in one answer', async () => {
    const { grantId } = await issue('access_token');
    const [session, uid, token, interaction] = [randomUUID(), randomUUID(), newTokenId(), randomUUID()];
    const code = randomUUID();
    await commit([
      upsert('session', session, { uid, payload: { loginTs: 1 } }),
      upsert('authorization_code', code, { grantId, sessionUid: uid }),
      upsert('refresh_token', token, { grantId, sessionUid: uid }),
      upsert('interaction', interaction, { grantId }),
    ]);
    const found = await find('refresh_token', token);
    expect(found.record).toMatchObject({ kind: 'refresh_token', id: token, payload: { jti: token } });
    expect(found.related).toMatchObject([{ kind: 'grant', id: grantId }]);
    expect((await find('authorization_code', code)).related).toMatchObject([
      { kind: 'grant', id: grantId },
      { kind: 'session', id: session, payload: { loginTs: 1 } },
    ]);
    expect((await find('interaction', interaction)).related).toMatchObject([{ kind: 'grant', id: grantId }]);
    expect((await find('session', uid, 'uid')).record?.id).toBe(session);
    await commit([{ operation: 'revoke_grant', grantId }]);
    expect(await find('interaction', interaction)).toMatchObject({ record: { id: interaction }, related: [] });
  });

  it('are found by their user code', async () => {
    const id = randomUUID();
    await commit([upsert('device_code', id, { userCode: 'WDJB-MJHT' })]);
    expect((await find('device_code', 'WDJB-MJHT', 'user_code')).record?.id).toBe(id);
    expect((await find('device_code', 'WDJB-MJHX', 'user_code')).record).toBeUndefined();
    expect((await find('session', 'WDJB-MJHT', 'user_code')).record).toBeUndefined();
  });

  it('do not mix kinds, and are changed and removed', async () => {
    const id = randomUUID();
    await commit([upsert('interaction', id)]);
    expect((await find('session', id)).record).toBeUndefined();
    await commit([upsert('interaction', id, { payload: { step: 2 } })]);
    expect((await find('interaction', id)).record?.payload).toEqual({ step: 2 });
    await commit([{ operation: 'destroy', kind: 'interaction', id }]);
    expect((await find('interaction', id)).record).toBeUndefined();
  });

  it('let a session take a new id and keep its uid', async () => {
    const [old, fresh, uid] = [randomUUID(), randomUUID(), randomUUID()];
    await commit([upsert('session', old, { uid })]);
    await commit([upsert('session', fresh, { uid })]);
    expect((await find('session', uid, 'uid')).record?.id).toBe(fresh);
    expect((await find('session', old)).record).toBeUndefined();
  });

  it('let six tabs give one session a new id at once, and one of them keeps it', async () => {
    const [old, uid] = [randomUUID(), randomUUID()];
    const fresh = Array.from({ length: 6 }, () => randomUUID());
    await commit([upsert('session', old, { uid })]);
    await owner.query('BEGIN');
    await owner.query('SELECT 1 FROM token_store.sessions WHERE id_hash = $1 FOR UPDATE', [
      hashRecordId('session', old),
    ]);
    const tabs = fresh.map((id, index) =>
      commit([upsert('session', id, { uid })], { client: index % 2 ? second : first }),
    );
    await waitForLocks(tabs.length);
    await owner.query('COMMIT');
    expect(outcomes(await Promise.all(tabs))).toBe(tabs.length);
    expect(fresh).toContain((await find('session', uid, 'uid')).record?.id);
  });

  it('let one of 8 write a session at the version that all have read, and its repetition too', async () => {
    for (let round = 0; round < 10; round += 1) {
      const [id, uid] = [randomUUID(), randomUUID()];
      const write = (expectedVersion: number, commitId: string, client = first) =>
        commit(
          [upsert('session', id, { uid, expectedVersion, payload: { commitId } }), upsert('interaction', commitId)],
          {
            commitId,
            client,
          },
        );
      for (const version of [0, 1]) {
        const commitIds = Array.from({ length: 8 }, () => randomUUID());
        const responses = await Promise.all(
          commitIds.map((commitId, index) => write(version, commitId, index % 2 === 0 ? first : second)),
        );
        expect(outcomes(responses)).toBe(1);
        expect(responses.filter(({ outcome }) => outcome === 'refused')).toEqual(
          Array.from({ length: 7 }, () => refused('session_changed')),
        );
        const winner = commitIds[responses.findIndex(({ outcome }) => outcome === 'committed')] ?? '';
        expect(await write(version, winner)).toEqual(committed);
        expect((await find('session', uid, 'uid')).record).toMatchObject({
          version: version + 1,
          payload: { commitId: winner },
        });
        const written = await Promise.all(commitIds.map((commitId) => find('interaction', commitId)));
        expect(written.filter(({ record }) => record !== undefined)).toHaveLength(1);
      }
    }
  });

  it('end a session only at the version that was read, and bring none back', async () => {
    const [old, fresh, uid] = [randomUUID(), randomUUID(), randomUUID()];
    await commit([upsert('session', old, { uid, expectedVersion: 0 })]);
    await commit([upsert('session', fresh, { uid, expectedVersion: 1 })]);
    const end = (id: string, expectedVersion: number) =>
      commit([{ operation: 'destroy', kind: 'session', id, uid, expectedVersion }]);
    expect(await end(old, 1)).toEqual(refused('session_changed'));
    expect(await end(fresh, 2)).toEqual(committed);
    expect(await end(fresh, 2)).toEqual(committed);
    expect((await find('session', uid, 'uid')).record).toBeUndefined();
    expect(await commit([upsert('session', fresh, { uid, expectedVersion: 2 })])).toEqual(refused('session_changed'));
  });

  it('give no session the id of another one', async () => {
    const [id, uid, other] = [randomUUID(), randomUUID(), randomUUID()];
    await commit([upsert('session', id, { uid, expectedVersion: 0 })]);
    for (const expectedVersion of [0, undefined]) {
      expect(await commit([upsert('session', id, { uid: other, expectedVersion })])).toEqual(
        refused('session_changed'),
      );
    }
    expect((await find('session', id)).record).toMatchObject({ version: 1 });
    expect((await find('session', other, 'uid')).record).toBeUndefined();
  });

  it('are not there any more when they have expired', async () => {
    const { grantId, id } = await issue('refresh_token');
    await owner.query(`UPDATE token_store.tokens SET expires_at = now()`);
    expect((await find('refresh_token', id)).record).toBeUndefined();
    expect(await commit([{ operation: 'consume', kind: 'refresh_token', id }])).toEqual(refused('already_consumed'));
    expect((await find('grant', grantId)).record).toBeDefined();
    await owner.query(`UPDATE token_store.grants SET expires_at = now()`);
    expect((await find('grant', grantId)).record).toBeUndefined();
    expect(await commit([upsert('access_token', newTokenId(), { grantId })])).toEqual(refused('grant_revoked'));
  });

  it('leave neither ids nor payloads readable in the database', async () => {
    const secret = `secret-${randomUUID()}`;
    const { grantId, id } = await issue('refresh_token');
    const [uid, session, device, jti] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    await commit([
      upsert('session', session, { uid, payload: { secret } }),
      upsert('access_token', newTokenId(), { grantId, sessionUid: uid, payload: { secret } }),
      upsert('device_code', device, { userCode: 'QQQQ-WWWW', payload: { secret } }),
      { operation: 'use_once', namespace: 'dpop', id: jti, expiresInSeconds: 60 },
    ]);
    const { rows: tables } = await owner.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'token_store'`,
    );
    let dump = '';
    for (const { name } of tables) {
      const { rows } = await owner.query(`SELECT * FROM token_store.${name}`);
      // latin1 keeps bytes of binary columns as they are, so that text in them would show.
      dump += rows
        .flatMap((row) => Object.values(row))
        .map((value) =>
          Buffer.isBuffer(value) ? `${value.toString('latin1')} ${value.toString('hex')}` : String(value),
        )
        .join('\n');
    }
    for (const raw of [secret, grantId, id, uid, session, device, jti, 'QQQQ-WWWW']) {
      expect(dump).not.toContain(raw);
      expect(dump).not.toContain(Buffer.from(raw).toString('hex'));
    }
    expect(dump).toContain('refresh_token');
  });
});

describe('the code of a device', () => {
  const approve = (id: string, person: string, userCode: string) =>
    upsert('device_code', id, { userCode, subject: person, clientId: 'tv', grantId: `grant of ${person} ${id}` });

  it('belongs to the first of two people who approve it at once', async () => {
    for (let round = 0; round < 10; round += 1) {
      const [id, userCode] = [randomUUID(), randomUUID()];
      await commit([upsert('device_code', id, { userCode, clientId: 'tv' })]);
      for (const person of ['ada', 'eve']) await commit([upsert('grant', `grant of ${person} ${id}`)]);
      const intents = ['ada', 'eve'].map((person) => [approve(id, person, userCode)]);
      const commitIds = [randomUUID(), randomUUID()];
      const approvals = await Promise.all(
        intents.map((approval, n) =>
          commit(approval, { client: n === 0 ? first : second, commitId: commitIds[n] ?? '' }),
        ),
      );
      expect(approvals).toContainEqual(committed);
      expect(approvals).toContainEqual(refused('already_consumed'));
      const winner = approvals.findIndex(({ outcome }) => outcome === 'committed');
      // Neither a repetition of a lost answer nor one who refuses changes it.
      expect(await commit(intents[winner] ?? [], { commitId: commitIds[winner] ?? '' })).toEqual(committed);
      expect(
        await commit([upsert('device_code', id, { userCode, clientId: 'tv', payload: { error: 'access_denied' } })]),
      ).toEqual(refused('already_consumed'));
      const { related } = await find('device_code', id);
      expect(related).toMatchObject([{ kind: 'grant', id: `grant of ${['ada', 'eve'][winner]} ${id}` }]);
      expect((await find('device_code', id)).record?.payload).not.toHaveProperty('error');
    }
  });

  it('that another device has is refused, and said to be', async () => {
    const userCode = randomUUID();
    expect(await commit([upsert('device_code', randomUUID(), { userCode, clientId: 'tv' })])).toEqual(committed);
    expect(await commit([upsert('device_code', randomUUID(), { userCode, clientId: 'tv' })])).toEqual(
      refused('user_code_taken'),
    );
  });
});
