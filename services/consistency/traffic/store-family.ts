import { createHash, randomUUID } from 'node:crypto';
import { buildTokenValue } from '../../token-store/client/token-value.ts';
import type { Intent, TransactionResponse } from '../../token-store/contract.ts';
import { introspectToken } from '../../token-store/introspection.ts';
import { findRecord } from '../../token-store/record-lookup.ts';
import { runTransaction, type TransactionContext } from '../../token-store/transaction.ts';
import type { Ways } from '../model/family.ts';
import type { FamilyOutcome } from '../model/operation.ts';
import type { FamilyClient } from './family-client.ts';

const lifetimeSeconds = 3_600;
const clientId = 'shop';
const refused: FamilyOutcome = { kind: 'refused' };

const newToken = (): string => buildTokenValue(randomUUID(), Date.now() / 1_000 + lifetimeSeconds);

/** What is told again to whoever did not get it; a real answer is sealed. */
const keepAnswer = (successorId: string) => ({
  fingerprint: createHash('sha256').update(clientId).digest('base64url'),
  successorId,
  answer: Buffer.from(successorId).toString('base64'),
  leewaySeconds: 10,
});

/**
 * A family in the token-store itself, by what auth does to it. Where answers get lost, every other commit is sent a second
 * time, and the second answer counts; requests bring a proof along there, and are plain ones elsewhere.
 */
export const openStoreFamily = async (context: TransactionContext, ways: Ways): Promise<FamilyClient> => {
  const { pool, keyring } = context;
  const [grantId, code] = [randomUUID(), randomUUID()];
  let commits = 0;

  const commit = async (intents: Intent[]): Promise<TransactionResponse> => {
    const request = { commitId: randomUUID(), intents };
    commits += 1;
    if (ways === 'lossy' && commits % 2 === 0) await runTransaction(context, request);
    return runTransaction(context, request);
  };
  const issue = (kind: 'grant' | 'authorization_code' | 'refresh_token', id: string): Intent => ({
    operation: 'upsert',
    kind,
    id,
    payload: { jti: id },
    expiresInSeconds: lifetimeSeconds,
    clientId,
    ...(kind === 'grant' ? {} : { grantId }),
  });
  /** Of its own request. */
  const proofs = (): Intent[] =>
    ways === 'lossy' ? [{ operation: 'use_once', namespace: 'proof', id: randomUUID(), expiresInSeconds: 60 }] : [];

  const use = async (kind: 'authorization_code' | 'refresh_token', id: string): Promise<FamilyOutcome> => {
    const { record } = await findRecord(pool, keyring, { kind, by: 'id', value: id });
    if (record === undefined) return refused;
    if (record.consumedAt === undefined || record.isReplayable === true) {
      const token = newToken();
      const replay = kind === 'refresh_token' ? { replay: keepAnswer(token) } : {};
      const answer = await commit([
        ...proofs(),
        { operation: 'consume', kind, id, ...replay },
        issue('refresh_token', token),
      ]);
      if (answer.outcome === 'replayed') return { kind: 'issued', token: `${Buffer.from(answer.answer, 'base64')}` };
      return answer.outcome === 'committed' ? { kind: 'issued', token } : refused;
    }
    // Used before: whoever has it now, the family ends.
    await commit([{ operation: 'revoke_grant', grantId }]);
    return refused;
  };

  await commit([issue('grant', grantId), issue('authorization_code', code)]);
  return {
    exchange: () => use('authorization_code', code),
    refresh: (token) => use('refresh_token', token),
    revoke: async () => {
      await commit([{ operation: 'revoke_grant', grantId }]);
      return { kind: 'revoked' };
    },
    inspect: async (token) => {
      const { record } = await findRecord(pool, keyring, { kind: 'refresh_token', by: 'id', value: token });
      return { kind: record !== undefined && record.consumedAt === undefined ? 'active' : 'inactive' };
    },
    introspect: async () => {
      const { active } = await introspectToken(pool, { jti: grantId, clientId, grantId });
      return { kind: active ? 'active' : 'inactive' };
    },
  };
};

/**
 * Presents one proof `times` times at once, each time with another end, as whoever replays it may.
 * @returns how many were taken for the first.
 */
export const presentProof = async (context: TransactionContext, times: number): Promise<number> => {
  const id = randomUUID();
  const answers = await Promise.all(
    Array.from({ length: times }, (_, index) =>
      runTransaction(context, {
        commitId: randomUUID(),
        intents: [{ operation: 'use_once', namespace: 'proof', id, expiresInSeconds: 60 + index }],
      }),
    ),
  );
  return answers.filter(({ outcome }) => outcome === 'committed').length;
};
