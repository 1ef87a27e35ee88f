import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';
import type { AuthMetrics } from '../auth-metrics.ts';
import { redrawUserCode } from '../device/user-codes.ts';
import { type CommitOutcome, commitUnit } from './commit.ts';
import { type OpenUnit, runInUnit } from './current-unit.ts';
import type { ProviderContext, ProviderNext } from './provider-context.ts';
import { decideReleasedEvents } from './provider-events.ts';
import { buildReplay, openAnswer, type ReplayOptions, refreshedToken } from './refresh-replay.ts';
import { createUnitOfWork, type UnitOfWork } from './unit-of-work.ts';

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
  outcome: Exclude<CommitOutcome, { kind: 'committed' | 'replayed' }>,
  route: string | undefined,
) => void;

/** Undefined until the provider's router has found it. */
const routeOf = (context: ProviderContext): string | undefined => {
  const route: unknown = context['_matchedRouteName'];
  return typeof route === 'string' ? route : undefined;
};

/** More than chance needs: one code of 25 billion is taken as seldom as there are devices at once. */
const maxDraws = 5;

/** Commits; a device whose code another one has by then gets another. */
const commitWithFreshCode = async (
  unit: UnitOfWork,
  context: ProviderContext,
  options: Parameters<typeof commitUnit>[1],
): Promise<CommitOutcome> => {
  for (let draws = 0; ; draws += 1) {
    const outcome = await commitUnit(unit, options);
    const isTaken = outcome.kind === 'refused' && outcome.reason === 'user_code_taken';
    const redrawn = isTaken && draws < maxDraws ? redrawUserCode(unit, context.body) : undefined;
    if (redrawn === undefined) return outcome;
    context.body = redrawn;
  }
};

const noteAnswer = (unit: UnitOfWork, { oidc, body }: ProviderContext, options: ReplayOptions): void => {
  const clientId = oidc?.client?.clientId;
  if (clientId === undefined) return;
  const request = { clientId, scope: oidc.params?.['scope'], resource: oidc.params?.['resource'] };
  const replay = buildReplay(unit.staged, { request, body }, options);
  if (replay !== undefined) unit.keepAnswer(replay);
};

/**
 * One unit of work a protocol request. Innermost of the provider's middleware and outside of its error handlers: the
 * chain below has answered, errors included, when the commit is made, and nothing is sent before. Never throws.
 */
export const createUnitMiddleware =
  (
    { store, newCommitId, now, metrics, replay }: UnitOptions & { replay: ReplayOptions },
    replaceAnswer: ReplaceAnswer,
  ) =>
  async (context: ProviderContext, next: ProviderNext): Promise<void> => {
    const showsReplayable = () => routeOf(context) === 'token';
    const open: OpenUnit = { unit: createUnitOfWork(store.find, now, { showsReplayable }), events: [] };
    await runInUnit(open, next);
    const name = routeOf(context);
    noteAnswer(open.unit, context, replay);
    const outcome = await commitWithFreshCode(open.unit, context, { route: name, store, newCommitId });
    metrics.countCommit(outcome);
    if (outcome.kind === 'replayed') {
      const answer = openAnswer(refreshedToken(open.unit.staged) ?? '', replay.secrets, outcome.answer);
      // Sealed by a pod whose secrets have moved on: it will be opened, or be over, when the client comes again.
      if (answer === undefined) replaceAnswer(context, { kind: 'unavailable' }, name);
      else context.body = answer;
    } else if (outcome.kind !== 'committed') replaceAnswer(context, outcome, name);
    for (const { emit } of decideReleasedEvents(open.events, { failed: open.unit.staged.failed, outcome })) emit();
  };
