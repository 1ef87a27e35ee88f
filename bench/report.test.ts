import { expect, it } from 'vitest';
import { formatTable, formatValue } from './report.ts';

it('formats a value with three significant figures', () => {
  expect([0, 33, 1.23456, 0.012345, 123.4, 12_345.6].map(formatValue)).toEqual([
    '0',
    '33',
    '1.23',
    '0.0123',
    '123',
    '12346',
  ]);
});

it('puts a result of each context in its own column', () => {
  const table = formatTable([
    { name: 'converge_s', value: 8.5, unit: 's', context: { tenants: 100 } },
    { name: 'rss_mib', value: 90, unit: 'MiB', context: { tenants: 100 } },
    { name: 'converge_s', value: 81, unit: 's', context: { tenants: 1000 } },
  ]);
  expect(table).toBe(
    [
      '            unit  tenants 100  tenants 1000',
      'converge_s  s             8.5            81',
      'rss_mib     MiB            90',
      '',
    ].join('\n'),
  );
});
