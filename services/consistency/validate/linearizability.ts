import type { Operation } from '../model/operation.ts';

/** What a thing is that is done to one step at a time. */
export type SequentialModel<State, Action, Outcome> = {
  readonly initial: State;
  /** The states that may follow; none when this action cannot have this outcome now. */
  readonly step: (state: State, action: Action, outcome: Outcome) => readonly State[];
  /** Equal for states that cannot be told apart. */
  readonly describe: (state: State) => string;
};

/** `order`: indexes of the operations in an order in which they may have happened one after another. */
export type Verdict =
  | { readonly kind: 'linearizable'; readonly order: readonly number[] }
  | {
      readonly kind: 'impossible';
      /** The longest beginning of such an order that could be found: what comes after it cannot be explained. */
      readonly longest: readonly number[];
    };

/** A search over a set of operations is exponential in those that overlap: longer histories are a mistake of the caller. */
const maxOperations = 64;

type Search = { readonly done: bigint; readonly order: readonly number[] };

/**
 * Whether a concurrent history is one that the model allows: whether each operation can be given a moment between its start
 * and its end, so that one after another, in the order of these moments, all have the outcomes that they had (Herlihy and
 * Wing, 1990). The search is that of Wing and Gong with what Lowe added: no set of operations that led to one state is
 * tried twice.
 * @throws RangeError for more than 64 operations.
 */
export const checkLinearizability = <State, Action, Outcome>(
  { initial, step, describe }: SequentialModel<State, Action, Outcome>,
  history: readonly Operation<Action, Outcome>[],
): Verdict => {
  if (history.length > maxOperations) throw new RangeError(`${history.length} operations are too many`);
  const all = (1n << BigInt(history.length)) - 1n;
  const tried = new Set<string>();
  let longest: readonly number[] = [];

  /** What may come next: nothing that began after something else that is not done yet had already ended. */
  const candidates = (done: bigint): number[] => {
    const open = history.flatMap((operation, index) => ((done >> BigInt(index)) & 1n ? [] : [{ operation, index }]));
    const firstEnd = Math.min(...open.map(({ operation }) => operation.end));
    return open.filter(({ operation }) => operation.start <= firstEnd).map(({ index }) => index);
  };

  const search = (state: State, { done, order }: Search): readonly number[] | undefined => {
    if (order.length > longest.length) longest = order;
    if (done === all) return order;
    for (const index of candidates(done)) {
      const operation = history[index];
      if (operation === undefined) continue;
      const next = { done: done | (1n << BigInt(index)), order: [...order, index] };
      for (const after of step(state, operation.action, operation.outcome)) {
        const key = `${next.done} ${describe(after)}`;
        if (tried.has(key)) continue;
        tried.add(key);
        const found = search(after, next);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  };

  const order = search(initial, { done: 0n, order: [] });
  return order === undefined ? { kind: 'impossible', longest } : { kind: 'linearizable', order };
};
