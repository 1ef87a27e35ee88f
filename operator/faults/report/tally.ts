/** What failed, with what somebody needs to see it again. */
export type Failure = { readonly what: string; readonly details: readonly string[] };

/** Counts what a suite has come to, and says so on the way. */
export type Tally = {
  readonly passed: () => number;
  readonly failures: () => readonly Failure[];
  pass(): void;
  fail(failure: Failure): void;
};

/** @param progress told after each result: how many there are. */
export const createTally = (progress: (done: number) => void = () => undefined): Tally => {
  let passed = 0;
  const failures: Failure[] = [];
  const tell = () => progress(passed + failures.length);
  return {
    passed: () => passed,
    failures: () => failures,
    pass: () => {
      passed += 1;
      tell();
    },
    fail: (failure) => {
      failures.push(failure);
      tell();
    },
  };
};
