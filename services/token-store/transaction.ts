import type { PostgresPool, Queryable } from '../shared/postgres-pool.ts';
import type { TransactionRequest, TransactionResponse } from './contract.ts';
import type { DataKeyring } from './data-encryption-keys.ts';
import { retryLostRaces } from './lost-races.ts';
import { sealMessages } from './outbox.ts';
import { type ConsumeRefusal, consumeRecords, explainRefusal } from './queries/consume.ts';
import { destroyRecords } from './queries/destroy.ts';
import { lockOwners, readEpochs } from './queries/epochs.ts';
import { lockGrantsForShare, lockGrantsForUpdate, revokeGrants, revokeReplayedFamilies } from './queries/grants.ts';
import { useOneTimeIds } from './queries/one-time-ids.ts';
import { enqueueMessages } from './queries/outbox.ts';
import { findReplay, keepReplays } from './queries/refresh-replays.ts';
import { rotateRefreshToken } from './queries/rotate.ts';
import { destroySessions, lockSessions } from './queries/sessions.ts';
import { upsertRecords } from './queries/upsert.ts';
import { findRotation } from './refresh-rotation.ts';
import {
  decideEpochsCurrent,
  decideGrantsAlive,
  decideSessionsUnchanged,
  isSingleStatement,
  namePlanOwners,
  planTransaction,
  type RecordTable,
  type TokenTable,
  type TransactionPlan,
} from './transaction-plan.ts';

/** What transactions run with. */
export interface TransactionContext {
  readonly pool: PostgresPool;
  readonly keyring: DataKeyring;
  /** How long gateways have to know of a revocation, s. */
  readonly feedSeconds: number;
  /** Called after a commit that has revoked something. */
  readonly announceRevocations: () => void;
}

/**
 * Runs one protocol request's writes in one PostgreSQL transaction. A refresh token that was used before gets the same
 * answer again, or ends its family before the refusal is returned.
 * @throws what pg throws; by `isDatabaseUnavailable` the same request may be sent again
 */
export const runTransaction = async (
  context: TransactionContext,
  request: TransactionRequest,
): Promise<TransactionResponse> => {
  const plan = planTransaction(request);
  const response = await applyNamed(context, plan);
  if (response.outcome === 'committed' && endsSomething(plan)) context.announceRevocations();
  if (
    response.outcome === 'refused' &&
    response.reason === 'already_consumed' &&
    plan.consumedRefreshTokens.length > 0
  ) {
    const answer = await findReplayedAnswer(context.pool, plan);
    if (answer !== undefined) return { outcome: 'replayed', answer };
    // A transaction of its own: the refused one holds a shared lock, and two that want to raise it block each other.
    const { commitId, consumedRefreshTokens, tokenDays } = plan;
    const { pool, feedSeconds } = context;
    await retryLostRaces(() =>
      revokeReplayedFamilies(pool, consumedRefreshTokens, { commitId, feedSeconds, tokenDays }),
    );
    context.announceRevocations();
  }
  return response;
};

const endsSomething = ({ revokedGrants, destroys }: TransactionPlan): boolean =>
  revokedGrants.length + destroys.sessions.length > 0;

/** Of a request that consumes one refresh token, as refreshes do. */
const findReplayedAnswer = async (
  connection: Queryable,
  { replays, consumedRefreshTokens }: TransactionPlan,
): Promise<string | undefined> => {
  const [replay] = replays;
  if (replay === undefined || consumedRefreshTokens.length > 1) return undefined;
  return (await findReplay(connection, replay))?.toString('base64');
};

/** No races, which repetitions cure: another session has this id, by another `uid`, or another device this code. */
const takenBy = (error: unknown): 'session_changed' | 'user_code_taken' | undefined => {
  if (!(error instanceof Error) || !('constraint' in error)) return undefined;
  if (error.constraint === 'sessions_pkey') return 'session_changed';
  return error.constraint === 'short_lived_user_code_hmac_key' ? 'user_code_taken' : undefined;
};

/** Begins anew with owners that only the grants have told. */
const applyNamed = async (context: TransactionContext, plan: TransactionPlan): Promise<TransactionResponse> => {
  for (let named = plan; ; ) {
    const outcome = await retryLostRaces(() =>
      applyPlan(context, named).catch((error: unknown): Outcome => {
        const reason = takenBy(error);
        if (reason === undefined) throw error;
        return refused(reason);
      }),
    );
    if (outcome.outcome !== 'owners_unnamed') return outcome;
    named = outcome.plan;
  }
};

type Outcome = TransactionResponse | { readonly outcome: 'owners_unnamed'; readonly plan: TransactionPlan };

const applyPlan = async (context: TransactionContext, plan: TransactionPlan): Promise<Outcome> => {
  if (isSingleStatement(plan)) return runSteps(context.pool, context, plan);
  // By far the most frequent one. What it does not do is refused below, with the reason, or done after all.
  const rotation = findRotation(plan);
  if (rotation !== undefined && (await rotateRefreshToken(context.pool, rotation, context.keyring)))
    return { outcome: 'committed' };
  return context.pool.transaction(
    (connection) => runSteps(connection, context, plan),
    (outcome) => keepsWork(plan, outcome),
  );
};

/**
 * The order is what makes it safe: locks first, then what can refuse, then what cannot. Statements whose outcome is not
 * needed to go on are sent together, and PostgreSQL runs them one after the other: two waits instead of one a statement.
 */
const runSteps = async (
  connection: Queryable,
  context: TransactionContext,
  plan: TransactionPlan,
): Promise<Outcome> => {
  const { epochs, grants, sessions, oneTimeIdsAreNew } = await takeLocks(connection, plan);
  const named = namePlanOwners(plan, grants);
  if (named !== undefined) return { outcome: 'owners_unnamed', plan: named };
  if (!decideSessionsUnchanged(plan, sessions)) return refused('session_changed');
  if (!oneTimeIdsAreNew) return refused('already_used');

  const isAlive = decideGrantsAlive(plan, grants) && decideEpochsCurrent(plan, epochs);
  const written = isAlive ? await writePlan(connection, context, plan) : nothingWritten;
  const refusal = await findRefusal(connection, plan, { isAlive, ...written });
  if (refusal !== undefined) {
    // A proof that was seen stays seen, whatever becomes of the request that carried it.
    if (hasMoreThanOneTimeIds(plan)) await connection.query({ text: 'ROLLBACK TO SAVEPOINT one_time_ids' });
    return refused(refusal);
  }
  // One that came while there was nothing to lock yet.
  return written.sessions < plan.upserts.sessions.length ? refused('session_changed') : { outcome: 'committed' };
};

const takeLocks = async (connection: Queryable, plan: TransactionPlan) => {
  const hasOwners = plan.clients.length + plan.subjects.length > 0;
  const [, epochs, changing, issuing, sessions, oneTimeIdsAreNew] = await Promise.all([
    hasOwners ? lockOwners(connection, plan) : undefined,
    hasOwners && plan.epochs.length > 0 ? readEpochs(connection, plan) : [],
    // A lone revocation is one statement that takes its own lock.
    isSingleStatement(plan) ? [] : lockGrantsForUpdate(connection, grantsToChange(plan)),
    lockGrantsForShare(connection, plan.issuingGrants),
    lockSessions(
      connection,
      plan.expectedSessions.map(({ uidHash }) => uidHash),
    ),
    useOneTimeIds(connection, plan.oneTimeIds, plan.commitId),
    hasMoreThanOneTimeIds(plan) ? connection.query({ text: 'SAVEPOINT one_time_ids' }) : undefined,
  ]);
  return { epochs, grants: [...changing, ...issuing], sessions, oneTimeIdsAreNew };
};

/** What became of the writes: all are undone again when one could not be made. */
type Written = {
  readonly consumed: Readonly<Record<TokenTable, boolean>>;
  readonly sessions: number;
  readonly shortLived: number;
};

const nothingWritten: Written = { consumed: { tokens: false, short_lived: false }, sessions: 0, shortLived: 0 };

const writePlan = async (
  connection: Queryable,
  { keyring, feedSeconds }: TransactionContext,
  plan: TransactionPlan,
): Promise<Written> => {
  const { consumes, destroys, tokenDays: days, commitId } = plan;
  const destroy = (table: 'tokens' | 'short_lived' | 'interactions') =>
    destroyRecords(connection, table, destroys[table], days);
  const upsert = (table: RecordTable) => upsertRecords(connection, table, plan, keyring);
  const consume = (table: TokenTable) => consumeRecords(connection, table, { hashes: consumes[table], days }, commitId);
  const messages = sealMessages(keyring, plan);
  const [tokens, shortLived, ...others] = await Promise.all([
    consume('tokens'),
    consume('short_lived'),
    keepReplays(connection, plan.replays),
    destroy('tokens'),
    destroy('short_lived'),
    destroy('interactions'),
    destroySessions(connection, destroys.sessions, feedSeconds),
    revokeGrants(connection, plan.revokedGrants, feedSeconds),
    upsert('grants'),
    upsert('tokens'),
    upsert('interactions'),
    enqueueMessages(connection, messages),
    upsert('short_lived'),
    upsert('sessions'),
  ]);
  const [written, sessions] = others.slice(-2);
  return { consumed: { tokens, short_lived: shortLived }, sessions: sessions ?? 0, shortLived: written ?? 0 };
};

const findRefusal = async (
  connection: Queryable,
  { consumes, upserts, commitId, tokenDays }: TransactionPlan,
  { isAlive, consumed, shortLived }: Written & { readonly isAlive: boolean },
): Promise<ConsumeRefusal | undefined> => {
  for (const table of ['tokens', 'short_lived'] as const) {
    const keys = { hashes: consumes[table], days: tokenDays };
    if (keys.hashes.length === 0 || consumed[table]) continue;
    const refusal = await explainRefusal(connection, table, keys, commitId);
    if (isAlive || refusal === 'already_consumed') return refusal;
  }
  if (!isAlive) return 'grant_revoked';
  // A device's code that somebody else has approved meanwhile.
  return shortLived < upserts.short_lived.length ? 'already_consumed' : undefined;
};

const refused = (reason: Extract<TransactionResponse, { outcome: 'refused' }>['reason']): TransactionResponse => ({
  outcome: 'refused',
  reason,
});

const hasMoreThanOneTimeIds = (plan: TransactionPlan): boolean =>
  plan.oneTimeIds.length > 0 && !isSingleStatement(plan);

const keepsWork = (plan: TransactionPlan, outcome: Outcome): boolean =>
  outcome.outcome === 'committed' ||
  (outcome.outcome === 'refused' &&
    // Whoever is told of a changed session comes again with the same one-time ids.
    outcome.reason !== 'already_used' &&
    outcome.reason !== 'session_changed' &&
    plan.oneTimeIds.length > 0);

const grantsToChange = ({ writtenGrants, revokedGrants }: TransactionPlan): Buffer[] =>
  [...writtenGrants, ...revokedGrants].sort((left, right) => Buffer.compare(left, right));
