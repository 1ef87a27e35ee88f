import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';
import type { TransactionResponse } from '../../token-store/contract.ts';
import { planIntents, splitIntents } from './intents.ts';
import { rebaseSessions } from './session-merge.ts';
import type { StagedWork, UnitOfWork } from './unit-of-work.ts';

type Refusal = Extract<TransactionResponse, { outcome: 'refused' }>['reason'];

export type CommitOutcome =
  | { kind: 'committed' }
  | { kind: 'refused'; reason: Refusal }
  /** No answer: what was staged may or may not have been written, and the client may safely come again. */
  | { kind: 'unavailable'; cause?: unknown };

type CommitOptions = {
  route: string | undefined;
  store: Pick<TokenStoreClient, 'find' | 'commit'>;
  newCommitId: () => string;
};

/** Each round one tab of a session wins: more than the requests of all tabs that somebody opens at once. */
const maxRounds = 32;

/**
 * Writes the staged work; when another request has changed its session meanwhile, on top of that change. Never rejects.
 */
export const commitUnit = async ({ staged }: UnitOfWork, options: CommitOptions): Promise<CommitOutcome> => {
  try {
    const refusal = await commitInRounds(staged, options);
    if (refusal !== undefined) return { kind: 'refused', reason: refusal };
  } catch (cause) {
    return { kind: 'unavailable', cause };
  }
  // What the provider could not read it took for missing, or for a fault of its own: its answer is not to be trusted.
  return staged.away ? { kind: 'unavailable' } : { kind: 'committed' };
};

const commitInRounds = async (staged: StagedWork, options: CommitOptions): Promise<Refusal | undefined> => {
  let work = staged;
  for (let round = 1; ; round += 1) {
    const refusal = await commitOnce(work, options);
    if (refusal !== 'session_changed' || round === maxRounds) return refusal;
    const rebased = await rebaseSessions(work, options.store.find);
    if (rebased === undefined) return refusal;
    work = rebased;
  }
};

const commitOnce = async (
  work: StagedWork,
  { route, store, newCommitId }: CommitOptions,
): Promise<Refusal | undefined> => {
  const intents = planIntents(work, { route });
  for (const batch of intents.length === 0 ? [] : splitIntents(intents)) {
    const response = await store.commit({ commitId: newCommitId(), intents: batch });
    if (response.outcome === 'refused') return response.reason;
  }
  return undefined;
};
