import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';
import type { TransactionResponse } from '../../token-store/contract.ts';
import { planIntents, splitIntents } from './intents.ts';
import { rebaseSessions } from './session-merge.ts';
import type { StagedWork, UnitOfWork } from './unit-of-work.ts';

type Refusal = Extract<TransactionResponse, { outcome: 'refused' }>['reason'];
type Unwritten = Exclude<TransactionResponse, { outcome: 'committed' }>;

export type CommitOutcome =
  | { kind: 'committed' }
  | { kind: 'refused'; reason: Refusal }
  /** A like request has used the refresh token, and this is its sealed answer; nothing of this one was written. */
  | { kind: 'replayed'; answer: string }
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
    const unwritten = await commitInRounds(staged, options);
    if (unwritten?.outcome === 'refused') return { kind: 'refused', reason: unwritten.reason };
    if (unwritten?.outcome === 'replayed' && !staged.away) return { kind: 'replayed', answer: unwritten.answer };
  } catch (cause) {
    return { kind: 'unavailable', cause };
  }
  // What the provider could not read it took for missing, or for a fault of its own: its answer is not to be trusted.
  return staged.away ? { kind: 'unavailable' } : { kind: 'committed' };
};

const commitInRounds = async (staged: StagedWork, options: CommitOptions): Promise<Unwritten | undefined> => {
  let work = staged;
  for (let round = 1; ; round += 1) {
    const unwritten = await commitOnce(work, options);
    const isChanged = unwritten?.outcome === 'refused' && unwritten.reason === 'session_changed';
    if (!isChanged || round === maxRounds) return unwritten;
    const rebased = await rebaseSessions(work, options.store.find);
    if (rebased === undefined) return unwritten;
    work = rebased;
  }
};

const commitOnce = async (
  work: StagedWork,
  { route, store, newCommitId }: CommitOptions,
): Promise<Unwritten | undefined> => {
  const intents = planIntents(work, { route });
  for (const batch of intents.length === 0 ? [] : splitIntents(intents)) {
    const response = await store.commit({ commitId: newCommitId(), intents: batch });
    if (response.outcome !== 'committed') return response;
  }
  return undefined;
};
