import type { FamilyOperation } from '../model/operation.ts';

/** How often each action had each outcome: a suite in which nobody wins, or nobody loses, tests nothing. */
export type OutcomeCounts = {
  add(history: readonly FamilyOperation[]): void;
  of(action: FamilyOperation['action']['kind'], outcome: FamilyOperation['outcome']['kind']): number;
  /** One line for each, the most frequent first. */
  lines(): string[];
};

export const createOutcomeCounts = (): OutcomeCounts => {
  const counts = new Map<string, number>();
  const nameOf = (action: string, outcome: string): string => `${action} ${outcome}`;
  return {
    add: (history) => {
      for (const { action, outcome } of history) {
        const name = nameOf(action.kind, outcome.kind);
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    },
    of: (action, outcome) => counts.get(nameOf(action, outcome)) ?? 0,
    lines: () => [...counts].sort(([, one], [, other]) => other - one).map(([name, count]) => `${name}: ${count}`),
  };
};
