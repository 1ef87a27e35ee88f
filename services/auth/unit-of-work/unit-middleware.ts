import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';
import type { AuthMetrics } from '../auth-metrics.ts';
import { type CommitOutcome, commitUnit } from './commit.ts';
import { type OpenUnit, runInUnit } from './current-unit.ts';
import type { ProviderContext, ProviderNext } from './provider-context.ts';
import { decideReleasedEvents } from './provider-events.ts';
import { createUnitOfWork } from './unit-of-work.ts';

export type UnitOptions = {
  metrics: Pick<AuthMetrics, 'countCommit'>;
  store: TokenStoreClient;
  newCommitId: () => string;
  /** Epoch seconds. */
  now: () => number;
};

/** What becomes of the answer that the provider has prepared, when its work was not written. */
export type ReplaceAnswer = (
  context: ProviderContext,
  outcome: Exclude<CommitOutcome, { kind: 'committed' }>,
  route: string | undefined,
) => void;

/**
 * One unit of work a protocol request. Innermost of the provider's middleware and outside of its error handlers: the
 * chain below has answered, errors included, when the commit is made, and nothing is sent before. Never throws.
 */
export const createUnitMiddleware =
  ({ store, newCommitId, now, metrics }: UnitOptions, replaceAnswer: ReplaceAnswer) =>
  async (context: ProviderContext, next: ProviderNext): Promise<void> => {
    const open: OpenUnit = { unit: createUnitOfWork(store.find, now), events: [] };
    await runInUnit(open, next);
    const route: unknown = context['_matchedRouteName'];
    const name = typeof route === 'string' ? route : undefined;
    const outcome = await commitUnit(open.unit, { route: name, store, newCommitId });
    metrics.countCommit(outcome);
    if (outcome.kind !== 'committed') replaceAnswer(context, outcome, name);
    for (const { emit } of decideReleasedEvents(open.events, { failed: open.unit.staged.failed, outcome })) emit();
  };
