import { randomBytes, randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresPool, type PostgresPool } from '../../shared/postgres-pool.ts';
import type { Intent } from '../contract.ts';
import { buildDataKeyring } from '../data-encryption-keys.ts';
import { findRotation } from '../refresh-rotation.ts';
import { newTokenId, upsert } from '../testing/intents.ts';
import { startTokenStoreFixture, type TokenStoreFixture } from '../testing/token-store-fixture.ts';
import { ensureTokenPartitions } from '../token-partitions.ts';
import { runTransaction } from '../transaction.ts';
import { planTransaction } from '../transaction-plan.ts';
import { rotateRefreshToken } from './rotate.ts';

let fixture: TokenStoreFixture;
let pool: PostgresPool;
const ended = new AbortController();
const keyring = buildDataKeyring({ keys: [{ id: 'k', key: randomBytes(32).toString('base64') }] });

beforeAll(async () => {
  fixture = await startTokenStoreFixture();
  const urlFile = fixture.writeFile('rotate-url', fixture.roleUrl('token-store'));
  const logger = pino({ level: 'silent' });
  pool = await createPostgresPool({ urlFile, maxConnections: 8 }, logger, {
    signal: ended.signal,
    schema: 'token_store',
  });
  await ensureTokenPartitions(pool, { accessTokenSeconds: 600, refreshTokenSeconds: 7200 });
});

afterAll(async () => {
  ended.abort();
  await pool?.end();
  await fixture?.stop();
});

const commit = (intents: Intent[]) =>
  runTransaction(
    { pool, keyring, feedSeconds: 600, announceRevocations: () => undefined },
    { commitId: randomUUID(), intents },
  );

const beginFamily = async () => {
  const [grantId, token, subject, clientId] = [randomUUID(), newTokenId(), randomUUID(), randomUUID()];
  const owned = { subject, subjectEpoch: 0, clientId };
  await commit([upsert('grant', grantId, owned), upsert('refresh_token', token, { grantId, ...owned })]);
  return { grantId, token, owned };
};

const planRotation = (
  { grantId, token, owned }: Awaited<ReturnType<typeof beginFamily>>,
  successor = newTokenId(),
  commitId = randomUUID(),
) => {
  const replay = { fingerprint: 'a'.repeat(43), successorId: successor, answer: 'AAAA', leewaySeconds: 10 };
  const intents: Intent[] = [
    { operation: 'consume', kind: 'refresh_token', id: token, ...owned, replay },
    upsert('refresh_token', successor, { grantId, ...owned }),
  ];
  const rotation = findRotation(planTransaction({ commitId, intents }));
  if (rotation === undefined) throw new Error('no rotation');
  return rotation;
};

const rotate = (rotation: ReturnType<typeof planRotation>) => rotateRefreshToken(pool, rotation, keyring);

const isKept = async ({ successor: { day, idHash }, used }: ReturnType<typeof planRotation>) => {
  const { rows } = await pool.query<{ issued: boolean; replayable: boolean }>({
    text: `SELECT EXISTS (SELECT 1 FROM token_store.tokens WHERE day = $1 AND id_hash = $2) AS issued,
                  EXISTS (SELECT 1 FROM token_store.refresh_replays WHERE id_hash = $3) AS replayable`,
    values: [day, idHash, used.idHash],
  });
  return rows[0];
};

const nothing = { issued: false, replayable: false };

describe('a rotation in one round trip', () => {
  it('uses the token up, issues the successor and keeps the answer; again for the same commit alone', async () => {
    const family = await beginFamily();
    const rotation = planRotation(family);
    expect(await rotate(rotation)).toBe(true);
    expect(await isKept(rotation)).toEqual({ issued: true, replayable: true });
    expect(await rotate(rotation)).toBe(true);
    const other = planRotation(family);
    expect(await rotate(other)).toBe(false);
    expect(await isKept(other)).toEqual({ issued: false, replayable: true });
  });

  it('has one winner of many', async () => {
    const family = await beginFamily();
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => rotate(planRotation(family))));
    expect(outcomes.filter(Boolean)).toHaveLength(1);
  });

  it.each([
    ['its family was revoked', ({ grantId }) => commit([{ operation: 'revoke_grant', grantId }])],
    [
      'everything of its subject was revoked',
      ({ owned }) =>
        pool.query({ text: 'INSERT INTO token_store.subject_epochs VALUES ($1, 1)', values: [owned.subject] }),
    ],
    [
      'everything of its client was revoked',
      ({ owned }) =>
        pool.query({
          text: 'INSERT INTO token_store.client_epochs (client_id, epoch) VALUES ($1, 1)',
          values: [owned.clientId],
        }),
    ],
    [
      'its grant belongs to somebody else, whose lock it has not taken',
      ({ owned }) =>
        pool.query({
          text: `UPDATE token_store.grants SET subject = 'another' WHERE subject = $1`,
          values: [owned.subject],
        }),
    ],
    [
      'it has ended',
      ({ owned }) =>
        pool.query({
          text: 'UPDATE token_store.tokens SET expires_at = now() WHERE subject = $1',
          values: [owned.subject],
        }),
    ],
  ] satisfies [string, (family: Awaited<ReturnType<typeof beginFamily>>) => Promise<unknown>][])(
    'writes nothing when %s',
    async (_name, happens) => {
      const family = await beginFamily();
      await happens(family);
      const rotation = planRotation(family);
      expect(await rotate(rotation)).toBe(false);
      expect(await isKept(rotation)).toEqual(nothing);
    },
  );

  it('writes nothing without its locks, as when BEGIN alone failed', async () => {
    const rotation = planRotation(await beginFamily());
    const unlocked = {
      batch: async (statements: Parameters<PostgresPool['batch']>[0]) => {
        const answers = [];
        for (const statement of statements) answers.push(await pool.query(statement));
        return answers;
      },
    };
    expect(await rotateRefreshToken(unlocked, rotation, keyring)).toBe(false);
    expect(await isKept(rotation)).toEqual(nothing);
  });

  it('waits for a revocation of everything of its subject, and then sees it', async () => {
    const family = await beginFamily();
    const rotation = planRotation(family);
    const rotated = await pool.transaction(async (connection) => {
      await connection.query({
        text: 'SELECT pg_advisory_xact_lock(2, hashtext($1))',
        values: [family.owned.subject],
      });
      const waiting = rotate(rotation);
      await connection.query({
        text: 'INSERT INTO token_store.subject_epochs VALUES ($1, 1)',
        values: [family.owned.subject],
      });
      return [waiting] as const;
    });
    expect(await rotated[0]).toBe(false);
    expect(await isKept(rotation)).toEqual(nothing);
  });

  it('leaves a day that has no partition to the plan', async () => {
    const rotation = planRotation(await beginFamily());
    expect(await rotate({ ...rotation, used: { ...rotation.used, day: 99_999 } })).toBe(false);
    expect(await isKept(rotation)).toEqual(nothing);
  });
});
