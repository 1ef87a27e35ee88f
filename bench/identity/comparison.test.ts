import { describe, expect, it } from 'vitest';
import { compare } from './comparison.ts';

const result = (name: string, value: number, callers = 16) => ({ name, value, unit: 'us', context: { callers } });

describe('compare', () => {
  it('says how many times our CPU a peer needs, at the same number of callers, where both were measured', () => {
    const results = [
      result('refresh_cpu_us', 1000, 1),
      result('refresh_cpu_us', 500),
      result('keycloak_refresh_cpu_us', 2000),
      result('sign_in_cpu_us', 9000),
      result('hydra_introspection_cpu_us', 1000),
    ];
    expect(compare(results)).toEqual([
      { name: 'refresh_ratio_keycloak', value: 4, unit: '1', context: { callers: 16 } },
    ]);
  });

  it('takes no rate for the highest at which something failed', () => {
    const rates = [10, 30, 40].flatMap((rate, index) => [
      result('refresh_rps', rate, index),
      result('refresh_failures', rate === 40 ? 1 : 0, index),
    ]);
    expect(compare(rates)).toEqual([{ ...result('refresh_highest_rps', 30, 1) }]);
  });
});
