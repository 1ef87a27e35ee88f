import fc from 'fast-check';

/** What one client of a race does, and how long it waits for the answer, ms; for ever when absent. */
export type RaceStep = {
  readonly kind: 'exchange' | 'refresh' | 'revoke' | 'inspect' | 'introspect';
  /** Of the refresh tokens that were seen, so many back from the newest. */
  readonly back: number;
  readonly patience?: number | undefined;
};

/** Phases one after another; the steps of a phase all at once. */
export type Race = readonly (readonly RaceStep[])[];

// Around the time that an answer takes: some give up before their request has arrived, some just before the answer.
const patience = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 40 }) },
);
const step = (kind: RaceStep['kind'], back: fc.Arbitrary<number> = fc.constant(0)): fc.Arbitrary<RaceStep> =>
  fc.record({ kind: fc.constant(kind), back, patience });

/** So many at once of each kind that a model could not be searched any more would say nothing. */
const maxSteps = 8;

const exchanges = fc.array(step('exchange'), { minLength: 1, maxLength: maxSteps });
const seldomOld = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 2 }) },
);
const mixed = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: step('refresh', seldomOld) },
    { weight: 1, arbitrary: step('revoke') },
    { weight: 1, arbitrary: step('inspect', seldomOld) },
    { weight: 1, arbitrary: step('introspect') },
  ),
  { minLength: 1, maxLength: maxSteps },
);
/** What is left of the family at the end, asked by somebody who waits. */
const lookBack: Race = [
  [{ kind: 'introspect', back: 0 }],
  [{ kind: 'inspect', back: 0 }],
  [{ kind: 'refresh', back: 0 }],
];

/** Races over a code and the refresh tokens that come of it. */
export const races: fc.Arbitrary<Race> = fc
  .record({ first: exchanges, rest: fc.array(mixed, { minLength: 1, maxLength: 3 }) })
  .map(({ first, rest }) => [first, ...rest, ...lookBack]);

/** The races of a seed, always the same. */
export const sampleRace = (seed: number): Race => {
  const [race] = fc.sample(races, { seed, numRuns: 1 });
  // One run gives one sample.
  return race ?? [];
};
