/** How often each action had each outcome: a suite in which nobody wins, or nobody loses, tests nothing. */
export type OutcomeCounts = {
  add(done: readonly (readonly [action: string, outcome: string])[]): void;
  of(action: string, outcome: string): number;
  /** One line for each, the most frequent first. */
  lines(): string[];
};

export const createOutcomeCounts = (): OutcomeCounts => {
  const counts = new Map<string, number>();
  const nameOf = (action: string, outcome: string): string => `${action} ${outcome}`;
  return {
    add: (done) => {
      for (const [action, outcome] of done) {
        const name = nameOf(action, outcome);
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    },
    of: (action, outcome) => counts.get(nameOf(action, outcome)) ?? 0,
    lines: () => [...counts].sort(([, one], [, other]) => other - one).map(([name, count]) => `${name}: ${count}`),
  };
};
