import type { BenchResult } from '../report.ts';
import { flowNames } from './flow.ts';

const peers = ['keycloak', 'hydra', 'bare'] as const;

/**
 * From what was measured: how many times our CPU a peer needs for a request (`refresh_ratio_keycloak`; above 1 we need
 * less), at each number of callers, and each flow's highest rate at which nothing failed.
 */
export const compare = (results: readonly BenchResult[]): BenchResult[] => {
  const find = (name: string, callers: string | number | undefined): number | undefined =>
    results.find((result) => result.name === name && result.context['callers'] === callers)?.value;
  const ratios = peers.flatMap((peer) =>
    flowNames.flatMap((flow) =>
      results
        .filter(({ name }) => name === `${flow}_cpu_us`)
        .flatMap(({ value: own, context }) => {
          const other = find(`${peer}_${flow}_cpu_us`, context['callers']);
          const isMeasured = other !== undefined && Number.isFinite(other) && own > 0;
          return isMeasured ? [{ name: `${flow}_ratio_${peer}`, value: other / own, unit: '1', context }] : [];
        }),
    ),
  );
  const names = ['', ...peers.map((peer) => `${peer}_`)].flatMap((prefix) => flowNames.map((flow) => prefix + flow));
  const highest = names.flatMap((name) => {
    const rates = results.filter(
      (result) => result.name === `${name}_rps` && find(`${name}_failures`, result.context['callers']) === 0,
    );
    const [best] = rates.toSorted((one, other) => other.value - one.value);
    return best === undefined ? [] : [{ ...best, name: `${name}_highest_rps` }];
  });
  return [...ratios, ...highest];
};
