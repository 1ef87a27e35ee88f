import { describeFamily, type FamilyState, newFamily, stepFamily, type Ways } from '../model/family.ts';
import type { FamilyAction, FamilyOperation, FamilyOutcome } from '../model/operation.ts';
import { checkLinearizability, type SequentialModel } from './linearizability.ts';

const modelOf = (ways: Ways): SequentialModel<FamilyState, FamilyAction, FamilyOutcome> => ({
  initial: newFamily,
  step: (state, action, outcome) => stepFamily(state, action, outcome, ways),
  describe: describeFamily,
});

/** Short names in the order of appearance: a report must not hold tokens. */
const createNames = (): ((token: string) => string) => {
  const names = new Map<string, string>();
  return (token) => {
    const name = names.get(token) ?? `t${names.size}`;
    names.set(token, name);
    return name;
  };
};

const describeOperation = (
  { action, outcome, start, end }: FamilyOperation,
  began: number,
  nameOf: (token: string) => string,
): string => {
  const what = 'token' in action ? `${action.kind} ${nameOf(action.token)}` : action.kind;
  const result = outcome.kind === 'issued' ? `issued ${nameOf(outcome.token)}` : outcome.kind;
  const until = Number.isFinite(end) ? (end - began).toFixed(1) : '...';
  return `${(start - began).toFixed(1)}-${until} ms: ${what} -> ${result}`;
};

/**
 * Why the history of one family cannot be, line by line and without a token in it; undefined when it can.
 */
export const findFamilyFault = (history: readonly FamilyOperation[], ways: Ways = 'sound'): string[] | undefined => {
  // A code that one alone presents is his, whatever gets lost.
  const isContested = history.filter(({ action }) => action.kind === 'exchange').length > 1;
  const verdict = checkLinearizability(modelOf(isContested ? ways : 'sound'), history);
  if (verdict.kind === 'linearizable') return undefined;
  const nameOf = createNames();
  const began = Math.min(...history.map(({ start }) => start));
  const lines = [...history]
    .sort((one, other) => one.start - other.start)
    .map((operation) => {
      const isExplained = verdict.longest.includes(history.indexOf(operation));
      return `${isExplained ? '  ' : '! '}${describeOperation(operation, began, nameOf)}`;
    });
  return ['no order of these gives what was answered (! what is left over):', ...lines];
};
