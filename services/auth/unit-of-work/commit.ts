import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';
import type { TransactionResponse } from '../../token-store/contract.ts';
import { planIntents, splitIntents } from './intents.ts';
import type { UnitOfWork } from './unit-of-work.ts';

export type CommitOutcome =
  | { kind: 'committed' }
  | { kind: 'refused'; reason: Extract<TransactionResponse, { outcome: 'refused' }>['reason'] }
  /** No answer: what was staged may or may not have been written, and the client may safely come again. */
  | { kind: 'unavailable'; cause?: unknown };

/** Writes the staged work. Never rejects. */
export const commitUnit = async (
  { staged }: UnitOfWork,
  { route, store, newCommitId }: { route: string | undefined; store: TokenStoreClient; newCommitId: () => string },
): Promise<CommitOutcome> => {
  const intents = planIntents(staged, { route });
  try {
    for (const batch of intents.length === 0 ? [] : splitIntents(intents)) {
      const response = await store.commit({ commitId: newCommitId(), intents: batch });
      if (response.outcome === 'refused') return { kind: 'refused', reason: response.reason };
    }
  } catch (cause) {
    return { kind: 'unavailable', cause };
  }
  // What the provider could not read it took for missing, or for a fault of its own: its answer is not to be trusted.
  return staged.away ? { kind: 'unavailable' } : { kind: 'committed' };
};
