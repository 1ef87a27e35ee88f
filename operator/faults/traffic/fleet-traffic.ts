import fc from 'fast-check';
import type { Strike } from '../strike.ts';
import type { Fields } from './transition.ts';

/** The tenants of a fleet, by wave: more in the first than may have their turn at once. */
export const fleetTenants = ['acme', 'beta', 'core', 'delta', 'edge', 'fox', 'gamma'].map((name, index) => ({
  name,
  wave: index < 5 ? 0 : 1,
}));
/** How many of them may have their turn at once. */
export const maxRolling = 3;

/** One thing that happens to a fleet. */
export type FleetTransition =
  | Strike
  /** The operator is replaced by one of the next minor version, or of the one before. */
  | { readonly kind: 'upgrade' | 'downgrade' }
  /** A user changes the spec of one tenant. */
  | { readonly kind: 'change'; readonly tenant: string; readonly spec: Fields }
  /** Some have had their turn, or all are through. */
  | { readonly kind: 'advance' };

const tenant = fc.constantFrom(...fleetTenants.map(({ name }) => name));
const change: fc.Arbitrary<Fields> = fc.oneof(
  fc.boolean().map((paused) => ({ paused })),
  fc.constantFrom('0.1.0', null).map((version) => ({ version })),
  fc.constantFrom('5m', '15m').map((accessTokenTTL) => ({ tokens: { accessTokenTTL } })),
);
const kindOf = <K extends string>(kind: K): fc.Arbitrary<K> => fc.constant(kind);

const transitions: fc.Arbitrary<FleetTransition> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: kindOf('upgrade') }) },
  { weight: 2, arbitrary: fc.record({ kind: kindOf('downgrade') }) },
  { weight: 4, arbitrary: fc.record({ kind: kindOf('change'), tenant, spec: change }) },
  { weight: 2, arbitrary: fc.record({ kind: kindOf('advance') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kindOf('crash'),
      write: fc.integer({ min: 1, max: 12 }),
      when: fc.constantFrom('before' as const, 'after' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kindOf('storm'), seed: fc.nat(1_000_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: kindOf('lag'), events: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: kindOf('loss'), seed: fc.nat(1_000_000) }) },
);

/** What happens to a fleet by chance, the same for the same seed; an upgrade comes first. */
export const sampleFleetTraffic = (seed: number, length: number): FleetTransition[] => {
  const [traffic = []] = fc.sample(fc.array(transitions, { minLength: length, maxLength: length }), {
    seed,
    numRuns: 1,
  });
  return [{ kind: 'upgrade' }, ...traffic];
};
