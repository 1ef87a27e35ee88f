import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { TokenStoreClient } from './client/token-store-client.ts';
import type { Intent, RecordKind, RevokeRequest } from './contract.ts';
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

const newName = (): string => randomUUID();
const commit = (intents: Intent[], client = first) => client.commit({ commitId: randomUUID(), intents });
const find = (kind: RecordKind, id: string) => second.find({ kind, by: 'id', value: id });

/** Somebody who has signed in to a client, and what they were given. */
const signIn = async (subject: string = newName(), clientId: string = newName()) => {
  const { subjectEpoch = 0, clientEpoch = 0 } = await first.epochs({ subject, clientId });
  const [sessionUid, session, grantId, token] = [newName(), newName(), newName(), newTokenId()] as const;
  const owned = { subject, subjectEpoch };
  const signedIn = await commit([
    upsert('grant', grantId, { ...owned, clientId, clientEpoch }),
    upsert('session', session, { ...owned, uid: sessionUid, payload: { uid: sessionUid }, familyIds: [grantId] }),
    upsert('refresh_token', token, { ...owned, clientId, grantId, sessionUid }),
  ]);
  return { ...owned, clientId, clientEpoch, sessionUid, session, grantId, token, signedIn };
};
type SignedIn = Awaited<ReturnType<typeof signIn>>;

const refreshIntents = (from: SignedIn, successor: string): Intent[] => {
  const { token, grantId, subject, subjectEpoch, clientId } = from;
  return [
    { operation: 'consume', kind: 'refresh_token', id: token, subject, clientId },
    upsert('refresh_token', successor, { grantId, subject, subjectEpoch, clientId }),
  ];
};

const revocations: [string, (from: SignedIn) => RevokeRequest][] = [
  ['grant', ({ grantId }) => ({ by: 'grant', grantId })],
  ['session', ({ sessionUid }) => ({ by: 'session', sessionUid })],
  ['client', ({ clientId }) => ({ by: 'client', clientId })],
  ['subject', ({ subject }) => ({ by: 'subject', subject })],
];

/** Waits until that many transactions wait for a lock that `owner` holds, or for each other. */
const waitForLocks = (count: number) =>
  vi.waitFor(async () => {
    // Within a transaction PostgreSQL shows the first look again, unless told otherwise.
    await owner.query('SELECT pg_stat_clear_snapshot()');
    const waiting = await owner.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`);
    expect(waiting.rowCount).toBe(count);
  });

const expectOver = async (from: SignedIn, tokens: string[]) => {
  for (const token of tokens) {
    expect((await find('refresh_token', token)).record).toBeUndefined();
    // With the owners named, and without: then the grant tells them.
    expect(await commit(refreshIntents({ ...from, token }, newTokenId()))).not.toEqual(committed);
    expect(await commit([{ operation: 'consume', kind: 'refresh_token', id: token }])).not.toEqual(committed);
  }
  expect((await find('grant', from.grantId)).record).toBeUndefined();
  expect(await commit([upsert('access_token', newTokenId(), { grantId: from.grantId })])).toEqual(
    refused('grant_revoked'),
  );
  expect(await second.introspect({ jti: randomUUID(), clientId: from.clientId, grantId: from.grantId })).toEqual({
    active: false,
  });
};

describe('a revocation', () => {
  it.each(revocations)('by %s ends what it names, and may be repeated', async (_by, request) => {
    const signedIn = await signIn();
    expect(signedIn.signedIn).toEqual(committed);
    expect((await find('refresh_token', signedIn.token)).record).toBeDefined();
    expect(await second.revoke(request(signedIn))).toEqual({ revoked: true });
    await expectOver(signedIn, [signedIn.token]);
    expect(await second.revoke(request(signedIn))).toEqual({ revoked: true });
    await expectOver(signedIn, [signedIn.token]);
  });

  it.each(revocations)('by %s racing refreshes leaves nothing alive, in 40 rounds', async (_by, request) => {
    for (let round = 0; round < 40; round += 1) {
      const signedIn = await signIn();
      const successor = newTokenId();
      const [refresh] = await Promise.all([
        commit(refreshIntents(signedIn, successor)),
        second.revoke(request(signedIn)),
      ]);
      expect([committed, refused('grant_revoked')]).toContainEqual(refresh);
      await expectOver(signedIn, [signedIn.token, successor]);
    }
  });

  it('of a subject racing sign-ins leaves none of what was verified before', async () => {
    const subject = randomUUID();
    for (let round = 0; round < 20; round += 1) {
      const { subjectEpoch = 0 } = await first.epochs({ subject });
      const [grantId, session] = [randomUUID(), randomUUID()];
      const owned = { subject, subjectEpoch };
      const [signedIn] = await Promise.all([
        commit([upsert('grant', grantId, owned), upsert('session', session, { ...owned, uid: session })]),
        second.revoke({ by: 'subject', subject }),
      ]);
      expect([committed, refused('grant_revoked')]).toContainEqual(signedIn);
      expect((await find('grant', grantId)).record).toBeUndefined();
      expect((await find('session', session)).record).toBeUndefined();
    }
    expect(await first.epochs({ subject, clientId: 'other' })).toEqual({ subjectEpoch: 20, clientEpoch: 0 });
    expect((await signIn(subject)).signedIn).toEqual(committed);
  });

  it('of a subject refuses an old session whatever it is used for, and lets a new sign-in be', async () => {
    const before = await signIn();
    const interaction = randomUUID();
    const { subject, subjectEpoch, clientId } = before;
    await commit([upsert('interaction', interaction, { subject, subjectEpoch })]);
    await second.revoke({ by: 'subject', subject });
    expect((await find('session', before.session)).record).toBeUndefined();
    expect((await find('interaction', interaction)).record).toBeUndefined();
    expect(await commit([upsert('grant', randomUUID(), { subject, subjectEpoch, clientId })])).toEqual(
      refused('grant_revoked'),
    );
    expect(await commit([upsert('session', before.session, { uid: before.sessionUid, subject })])).toEqual(
      refused('grant_revoked'),
    );
    const after = await signIn(subject, clientId);
    expect(after.signedIn).toEqual(committed);
    expect((await find('refresh_token', after.token)).related).toMatchObject([
      { kind: 'grant', subject, subjectEpoch: 1, clientEpoch: 0 },
    ]);
    expect((await find('session', after.session)).record).toMatchObject({ subject, subjectEpoch: 1 });
  });

  it('of a subject can leave one session, whose tokens end', async () => {
    const kept = await signIn();
    const other = await signIn(kept.subject);
    await second.revoke({ by: 'subject', subject: kept.subject, keepSessionUid: kept.sessionUid });
    await expectOver(kept, [kept.token]);
    await expectOver(other, [other.token]);
    expect((await find('session', other.session)).record).toBeUndefined();
    expect((await find('session', kept.session)).record).toMatchObject({ subject: kept.subject, subjectEpoch: 1 });
    // Not one that was over before.
    await second.revoke({ by: 'subject', subject: kept.subject, keepSessionUid: other.sessionUid });
    expect((await find('session', other.session)).record).toBeUndefined();
    const sessions = await second.listSessions({ subject: kept.subject });
    expect(sessions.sessions).toEqual([]);
  });

  it('of a client ends what it has for itself, and what it is given after is alive', async () => {
    const clientId = randomUUID();
    const [before, after] = [newTokenId(), newTokenId()];
    await commit([upsert('client_credentials', before, { clientId })]);
    await second.revoke({ by: 'client', clientId });
    await commit([upsert('client_credentials', after, { clientId })]);
    expect((await find('client_credentials', before)).record).toBeUndefined();
    expect((await find('client_credentials', after)).record).toBeDefined();
    const introspect = (clientEpoch?: number) =>
      first.introspect({ jti: randomUUID(), clientId, ...(clientEpoch !== undefined && { clientEpoch }) });
    expect(await Promise.all([introspect(), introspect(0), introspect(1)])).toEqual([
      { active: false },
      { active: false },
      { active: true },
    ]);
    expect(await commit([upsert('grant', randomUUID(), { clientId, clientEpoch: 0 })])).toEqual(
      refused('grant_revoked'),
    );
    const grantId = randomUUID();
    await commit([upsert('grant', grantId, { clientId })]);
    expect((await find('grant', grantId)).record).toMatchObject({ clientEpoch: 1 });
  });

  it('of a session keeps what is meant to outlive it', async () => {
    const signedIn = await signIn();
    const { subject, subjectEpoch, clientId, sessionUid } = signedIn;
    const [offline, token] = [randomUUID(), newTokenId()];
    await commit([
      upsert('grant', offline, { subject, subjectEpoch, clientId }),
      upsert('refresh_token', token, { grantId: offline, sessionUid, subject, subjectEpoch, clientId }),
    ]);
    await second.revoke({ by: 'session', sessionUid });
    await expectOver(signedIn, [signedIn.token]);
    expect((await find('refresh_token', token)).record).toBeDefined();
  });

  it.each(['subject', 'client'] as const)('by %s waits for whoever issues', async (by) => {
    const signedIn = await signIn();
    const { grantId, subject, clientId } = signedIn;
    await owner.query('BEGIN');
    await owner.query('SELECT 1 FROM token_store.grants WHERE id_hash = $1 FOR UPDATE', [
      hashRecordId('grant', grantId),
    ]);
    const refresh = commit(refreshIntents(signedIn, newTokenId()));
    await waitForLocks(1);
    const revocation = second.revoke(by === 'subject' ? { by, subject } : { by, clientId });
    await waitForLocks(2);
    await owner.query('COMMIT');
    expect(await refresh).toEqual(committed);
    await revocation;
    await expectOver(signedIn, [signedIn.token]);
  });

  it.each([
    [1, 'client'],
    [2, 'subject'],
  ] as const)(
    'keeps everybody waiting who issues, named by the request or the grant alone: %s, %s',
    async (space, of) => {
      const { grantId, subject, clientId } = await signIn();
      await owner.query('BEGIN');
      await owner.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [
        space,
        of === 'client' ? clientId : subject,
      ]);
      const named = commit([upsert('access_token', newTokenId(), { grantId, subject, clientId })]);
      const unnamed = commit([upsert('access_token', newTokenId(), { grantId })]);
      const used = commit([{ operation: 'consume', kind: 'authorization_code', id: 'none', subject, clientId }]);
      await waitForLocks(3);
      await owner.query('COMMIT');
      expect(await Promise.all([named, unnamed, used])).toEqual([committed, committed, refused('already_consumed')]);
    },
  );

  it.each(['subject', 'client'] as const)(
    'by %s that comes again with its id spares what was begun meanwhile',
    async (by) => {
      const before = await signIn();
      const { subject, clientId } = before;
      const request: RevokeRequest = {
        ...(by === 'subject' ? { by, subject } : { by, clientId }),
        requestId: randomUUID(),
      };
      await second.revoke(request);
      const after = await signIn(subject, clientId);
      await first.revoke(request);
      await expectOver(before, [before.token]);
      expect((await find('refresh_token', after.token)).record).toBeDefined();
      await first.revoke({ ...request, requestId: randomUUID() });
      await expectOver(after, [after.token]);
    },
  );

  it('of a session ends a family too that it was given meanwhile', async () => {
    const { subject, subjectEpoch, clientId, session, sessionUid, grantId } = await signIn();
    const later = await signIn(subject, clientId);
    await owner.query('BEGIN');
    await owner.query('SELECT 1 FROM token_store.grants WHERE id_hash = $1 FOR UPDATE', [
      hashRecordId('grant', grantId),
    ]);
    const revocation = second.revoke({ by: 'session', sessionUid });
    await waitForLocks(1);
    const familyIds = [grantId, later.grantId];
    const written = upsert('session', session, { uid: sessionUid, subject, subjectEpoch, familyIds });
    expect(await commit([written])).toEqual(committed);
    await owner.query('COMMIT');
    await revocation;
    expect((await find('session', session)).record).toBeUndefined();
    await expectOver(later, [later.token]);
  });

  it('of a grant that is still being made keeps it from coming to life', async () => {
    const [grantId, subject, clientId] = [newName(), newName(), newName()];
    await second.revoke({ by: 'grant', grantId });
    expect(await commit([upsert('grant', grantId, { subject, clientId })])).toEqual(refused('grant_revoked'));
    expect((await find('grant', grantId)).record).toBeUndefined();

    // Its commit has looked already, and waits for something else.
    const racing = newName();
    await owner.query('BEGIN');
    const pending = `INSERT INTO token_store.interactions (id_hash, payload, expires_at) VALUES ($1, '', now())`;
    const interaction = newName();
    await owner.query(pending, [hashRecordId('interaction', interaction)]);
    const grant = upsert('grant', racing, { subject, clientId });
    const making = commit([grant, upsert('interaction', interaction, { grantId: racing })]);
    await waitForLocks(1);
    const revoking = second.revoke({ by: 'grant', grantId: racing });
    await waitForLocks(2);
    await owner.query('ROLLBACK');
    expect(await making).toEqual(committed);
    await revoking;
    expect((await find('grant', racing)).record).toBeUndefined();
  });

  it('brings its messages, once, and none when there was nothing to end', async () => {
    const lease = async () => {
      const leased = await first.leaseOutbox({ topic: 'backchannel_logout', limit: 100, leaseSeconds: 60 });
      return leased.messages.map(({ payload }) => payload['of']).sort();
    };
    const messageOf = (of: string) => ({ topic: 'backchannel_logout' as const, key: newName(), payload: { of } });
    const { subject, sessionUid } = await signIn();
    const bySession: RevokeRequest = { by: 'session', sessionUid, messages: [messageOf('session')] };
    await second.revoke(bySession);
    await second.revoke({ ...bySession, messages: [messageOf('no session')] });
    const bySubject: RevokeRequest = { by: 'subject', subject, requestId: randomUUID() };
    await second.revoke({ ...bySubject, messages: [messageOf('subject')] });
    await second.revoke({ ...bySubject, messages: [messageOf('subject once more')] });
    expect(await lease()).toEqual(['session', 'subject']);
  });

  it('locks no grant of a subject or a client', async () => {
    const signedIn = await signIn();
    await owner.query('BEGIN');
    await owner.query('SELECT 1 FROM token_store.grants FOR UPDATE');
    await second.revoke({ by: 'subject', subject: signedIn.subject });
    await second.revoke({ by: 'client', clientId: signedIn.clientId });
    await owner.query('COMMIT');
    await expectOver(signedIn, [signedIn.token]);
  });
});

describe('sessions of a subject', () => {
  it('are listed newest first, at most 100, with what they hold', async () => {
    const subject = randomUUID();
    const uids = Array.from({ length: 102 }, () => randomUUID());
    for (const uid of uids)
      await commit([upsert('session', uid, { uid, subject, payload: { uid, accountId: subject } })]);
    await commit([upsert('session', randomUUID(), { uid: randomUUID(), subject: randomUUID() })]);
    const { sessions } = await first.listSessions({ subject });
    expect(sessions.map(({ uid }) => uid)).toEqual(uids.slice(2).reverse());
    expect(sessions[0]).toMatchObject({ payload: { accountId: subject }, createdAt: expect.stringMatching(/Z$/) });
  });
});

describe('the outbox', () => {
  const topic = 'backchannel_logout' as const;
  const enqueue = (key: string, payload: Record<string, unknown> = { key }): Intent => ({
    operation: 'enqueue',
    topic,
    key,
    payload,
  });
  const lease = (limit = 100, leaseSeconds = 60, client = first) => client.leaseOutbox({ topic, limit, leaseSeconds });
  const statusOf = async (id: string) => {
    const { rows } = await owner.query(
      'SELECT status, attempts, last_error, finished_at IS NOT NULL AS finished FROM token_store.outbox WHERE id = $1',
      [id],
    );
    return rows[0];
  };

  it('has a message when its transaction is there, and once', async () => {
    const session = randomUUID();
    const key = randomUUID();
    const intents = [upsert('session', session, { uid: session, expectedVersion: 0 }), enqueue(key)];
    const commitId = randomUUID();
    expect(await first.commit({ commitId, intents })).toEqual(committed);
    expect(await second.commit({ commitId, intents })).toEqual(committed);
    await commit([enqueue(key, { other: true })]);
    expect(
      await commit([upsert('session', session, { uid: session, expectedVersion: 0 }), enqueue(randomUUID())]),
    ).toEqual(refused('session_changed'));
    const { messages } = await lease();
    expect(messages).toMatchObject([{ payload: { key }, attempts: 1 }]);
    await first.completeOutbox({ id: messages[0]?.id ?? '', outcome: 'delivered' });
  });

  it('gives each message to one of many workers', async () => {
    const keys = Array.from({ length: 60 }, () => randomUUID());
    await commit(keys.map((key) => enqueue(key)));
    // Another worker is just taking this one: nobody waits for it, and nobody takes it too.
    await owner.query('BEGIN');
    const { rows: taken } = await owner.query<{ id: string }>(
      `SELECT id FROM token_store.outbox WHERE status = 'pending' ORDER BY due_at LIMIT 1 FOR UPDATE`,
    );
    const messages = (await lease(5)).messages;
    await owner.query('COMMIT');
    expect(messages).toHaveLength(5);
    expect(messages.map(({ id }) => id)).not.toContain(taken[0]?.id);
    const leased = await Promise.all(Array.from({ length: 8 }, (_, n) => lease(10, 60, n % 2 ? first : second)));
    messages.push(...leased.flatMap((answer) => answer.messages));
    expect(new Set(messages.map(({ id }) => id)).size).toBe(messages.length);
    while (messages.length < keys.length) messages.push(...(await lease(10)).messages);
    expect(messages.map(({ payload }) => payload['key']).sort()).toEqual([...keys].sort());
    expect((await lease()).messages).toEqual([]);
    for (const { id } of messages) await first.completeOutbox({ id, outcome: 'delivered' });
    expect(await statusOf(messages[0]?.id ?? '')).toMatchObject({ status: 'delivered', finished: true });
  });

  it('gives one again whose lease has ended or that failed, and none that is delivered or given up', async () => {
    await commit([enqueue(randomUUID())]);
    const [message] = (await lease(1)).messages;
    const id = message?.id ?? '';
    const makeDue = () => owner.query('UPDATE token_store.outbox SET due_at = now() WHERE id = $1', [id]);
    expect((await lease()).messages).toEqual([]);
    await makeDue();
    expect((await lease()).messages).toMatchObject([{ id, attempts: 2 }]);
    await first.completeOutbox({ id, outcome: 'failed', error: 'HTTP_500', retryInSeconds: 30 });
    expect((await lease()).messages).toEqual([]);
    expect(await statusOf(id)).toMatchObject({ status: 'pending', last_error: 'HTTP_500', finished: false });
    await makeDue();
    expect((await lease()).messages).toMatchObject([{ id, attempts: 3 }]);
    await first.completeOutbox({ id, outcome: 'failed', error: 'HTTP_410', retryInSeconds: null });
    await makeDue();
    expect((await lease()).messages).toEqual([]);
    expect(await statusOf(id)).toMatchObject({ status: 'given_up', last_error: 'HTTP_410', finished: true });
    // A worker that was slow, but did it.
    await first.completeOutbox({ id, outcome: 'delivered' });
    await first.completeOutbox({ id, outcome: 'failed', error: 'LATE', retryInSeconds: 0 });
    expect(await statusOf(id)).toMatchObject({ status: 'delivered', last_error: null, finished: true });
  });
});
