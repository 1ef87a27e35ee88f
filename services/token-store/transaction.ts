import { databaseErrorCode } from '../shared/postgres-errors.ts';
import type { PostgresPool, Queryable } from '../shared/postgres-pool.ts';
import type { TransactionRequest, TransactionResponse } from './contract.ts';
import type { DataKeyring } from './data-encryption-keys.ts';
import { type ConsumeRefusal, consumeRecords, explainRefusal } from './queries/consume.ts';
import { destroyRecords } from './queries/destroy.ts';
import { lockGrantsForShare, lockGrantsForUpdate, revokeGrants, revokeReplayedFamilies } from './queries/grants.ts';
import { useOneTimeIds } from './queries/one-time-ids.ts';
import { lockSessions } from './queries/sessions.ts';
import { upsertRecords } from './queries/upsert.ts';
import {
  decideGrantsAlive,
  decideSessionsUnchanged,
  isSingleStatement,
  planTransaction,
  type TransactionPlan,
} from './transaction-plan.ts';

/** What another transaction may cause and a repetition cures: a deadlock, and a key that was taken meanwhile. */
const lostRaces: ReadonlySet<string> = new Set(['40P01', '23505']);
const attempts = 8;

/**
 * Runs one protocol request's writes in one PostgreSQL transaction. A replayed refresh token ends its family before the
 * refusal is returned.
 * @throws what pg throws; by `isDatabaseUnavailable` the same request may be sent again
 */
export const runTransaction = async (
  pool: PostgresPool,
  keyring: DataKeyring,
  request: TransactionRequest,
): Promise<TransactionResponse> => {
  const plan = planTransaction(request);
  const response = await retryLostRaces(() => applyPlan(pool, keyring, plan));
  if (
    response.outcome === 'refused' &&
    response.reason === 'already_consumed' &&
    plan.consumedRefreshTokens.length > 0
  ) {
    // A transaction of its own: the refused one holds a shared lock, and two that want to raise it block each other.
    await retryLostRaces(() => revokeReplayedFamilies(pool, plan.consumedRefreshTokens, plan.commitId));
  }
  return response;
};

const applyPlan = async (
  pool: PostgresPool,
  keyring: DataKeyring,
  plan: TransactionPlan,
): Promise<TransactionResponse> => {
  if (isSingleStatement(plan)) return runSteps(pool, keyring, plan);
  return pool.transaction(
    (connection) => runSteps(connection, keyring, plan),
    (response) => keepsWork(plan, response),
  );
};

/** The order is what makes it safe: locks first, then what can refuse, then what cannot. */
const runSteps = async (
  connection: Queryable,
  keyring: DataKeyring,
  plan: TransactionPlan,
): Promise<TransactionResponse> => {
  const locked = [
    // A lone revocation is one statement that takes its own lock.
    ...(isSingleStatement(plan) ? [] : await lockGrantsForUpdate(connection, grantsToChange(plan))),
    ...(await lockGrantsForShare(connection, plan.issuingGrants)),
  ];
  const sessions = await lockSessions(
    connection,
    plan.expectedSessions.map(({ uidHash }) => uidHash),
  );
  if (!decideSessionsUnchanged(plan, sessions)) return refused('session_changed');
  if (!(await useOneTimeIds(connection, plan.oneTimeIds, plan.commitId))) return refused('already_used');
  if (hasMoreThanOneTimeIds(plan)) await connection.query({ text: 'SAVEPOINT one_time_ids' });

  const refusal = await consumeUnlessRefused(connection, plan, decideGrantsAlive(plan, locked));
  if (refusal) {
    // A proof that was seen stays seen, whatever becomes of the request that carried it.
    if (hasMoreThanOneTimeIds(plan)) await connection.query({ text: 'ROLLBACK TO SAVEPOINT one_time_ids' });
    return refused(refusal);
  }

  for (const table of ['tokens', 'short_lived', 'sessions', 'interactions'] as const) {
    await destroyRecords(connection, table, plan.destroys[table]);
  }
  await revokeGrants(connection, plan.revokedGrants);
  for (const table of ['grants', 'tokens', 'short_lived', 'sessions', 'interactions'] as const) {
    const written = await upsertRecords(connection, table, plan, keyring);
    // Only of sessions: one that came while there was nothing to lock yet.
    if (table === 'sessions' && written < plan.upserts.sessions.length) return refused('session_changed');
  }
  return { outcome: 'committed' };
};

const consumeUnlessRefused = async (
  connection: Queryable,
  { consumes, commitId }: TransactionPlan,
  grantsAlive: boolean,
): Promise<ConsumeRefusal | undefined> => {
  for (const table of ['tokens', 'short_lived'] as const) {
    const hashes = consumes[table];
    if (hashes.length === 0) continue;
    if (grantsAlive && (await consumeRecords(connection, table, hashes, commitId))) continue;
    const refusal = await explainRefusal(connection, table, hashes, commitId);
    if (grantsAlive || refusal === 'already_consumed') return refusal;
  }
  return grantsAlive ? undefined : 'grant_revoked';
};

const refused = (reason: Extract<TransactionResponse, { outcome: 'refused' }>['reason']): TransactionResponse => ({
  outcome: 'refused',
  reason,
});

const hasMoreThanOneTimeIds = (plan: TransactionPlan): boolean =>
  plan.oneTimeIds.length > 0 && !isSingleStatement(plan);

const keepsWork = (plan: TransactionPlan, response: TransactionResponse): boolean =>
  response.outcome === 'committed' ||
  // Whoever is told of a changed session comes again with the same one-time ids.
  (response.reason !== 'already_used' && response.reason !== 'session_changed' && plan.oneTimeIds.length > 0);

const grantsToChange = ({ writtenGrants, revokedGrants }: TransactionPlan): Buffer[] =>
  [...writtenGrants, ...revokedGrants].sort((left, right) => Buffer.compare(left, right));

const retryLostRaces = async <Value>(work: () => Promise<Value>): Promise<Value> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!lostRaces.has(databaseErrorCode(error)) || attempt === attempts) throw error;
    }
  }
};
