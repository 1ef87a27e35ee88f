import { expect, it } from 'vitest';
import { histogramBetween, parseMetrics, sumOf } from './metrics-text.ts';

const scrape = (fast: number, all: number) =>
  parseMetrics(
    [
      '# HELP time Length.',
      `time_bucket{le="0.005",controller="tenant"} ${fast}`,
      `time_bucket{le="+Inf",controller="tenant"} ${all}`,
      'time_bucket{le="+Inf",controller="client"} 7',
      'depth{name="tenant"} 3',
      'depth{name="client"} 4',
      'up 1',
    ].join('\n'),
  );

it('sums samples by name and labels', () => {
  expect(sumOf(scrape(1, 2), 'depth')).toBe(7);
  expect(sumOf(scrape(1, 2), 'depth', { name: 'client' })).toBe(4);
  expect(sumOf(scrape(1, 2), 'up')).toBe(1);
});

it('takes what was added to a histogram', () => {
  expect(histogramBetween(scrape(1, 2), scrape(11, 22), 'time', { controller: 'tenant' })).toEqual([
    { le: 0.005, count: 10 },
    { le: Number.POSITIVE_INFINITY, count: 20 },
  ]);
});
