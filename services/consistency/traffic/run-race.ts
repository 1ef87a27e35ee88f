import type { FamilyAction, FamilyOperation, FamilyOutcome } from '../model/operation.ts';
import type { FamilyClient } from './family-client.ts';
import type { Race, RaceStep } from './race.ts';

/** Longer than any answer may take, ms; whoever waits longer has found a fault. */
const longestPatience = 20_000;

/** What a lost connection and a client that gave up look like; our store client has a class of its own. */
const noAnswers: ReadonlySet<string> = new Set(['AbortError', 'TimeoutError', 'TokenStoreUnavailable']);

const isNoAnswer = (error: unknown): boolean =>
  error instanceof Error &&
  // undici tells of a lost connection by a TypeError with the cause in it; one without is a mistake of ours.
  (noAnswers.has(error.name) || (error.name === 'TypeError' && error.cause !== undefined));

const perform = (client: FamilyClient, action: FamilyAction, signal: AbortSignal): Promise<FamilyOutcome> => {
  switch (action.kind) {
    case 'exchange':
      return client.exchange(signal);
    case 'refresh':
      return client.refresh(action.token, signal);
    case 'revoke':
      return client.revoke(signal);
    case 'inspect':
      return client.inspect(action.token);
    case 'introspect':
      return client.introspect(signal);
  }
};

const actionOf = ({ kind, back }: RaceStep, seen: readonly string[]): FamilyAction | undefined => {
  if (kind !== 'refresh' && kind !== 'inspect') return { kind };
  const token = seen.at(-1 - Math.min(back, seen.length - 1));
  return token === undefined ? undefined : { kind, token };
};

const takePart = async (client: FamilyClient, step: RaceStep, action: FamilyAction): Promise<FamilyOperation> => {
  const patience = AbortSignal.timeout(step.patience ?? longestPatience);
  const start = performance.now();
  try {
    const outcome = await perform(client, action, patience);
    const end = outcome.kind === 'unknown' ? Number.POSITIVE_INFINITY : performance.now();
    return { action, outcome, start, end };
  } catch (error) {
    if (!isNoAnswer(error)) throw error;
    return { action, outcome: { kind: 'unknown' }, start, end: Number.POSITIVE_INFINITY };
  }
};

/**
 * Runs a race. @returns what its clients saw.
 * @throws for an answer that no client should ever get.
 */
export const runRace = async (client: FamilyClient, race: Race): Promise<FamilyOperation[]> => {
  const history: FamilyOperation[] = [];
  const seen: string[] = [];
  for (const phase of race) {
    const done = await Promise.all(
      phase.flatMap((step) => {
        const action = actionOf(step, seen);
        return action === undefined ? [] : [takePart(client, step, action)];
      }),
    );
    history.push(...done);
    for (const { outcome } of done) {
      if (outcome.kind === 'issued' && !seen.includes(outcome.token)) seen.push(outcome.token);
    }
  }
  return history;
};
