import { expect, it } from 'vitest';
import { histogramQuantile, quantile } from './quantile.ts';

it('takes the nearest rank of samples', () => {
  const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect([0, 0.5, 0.99, 1].map((q) => quantile(samples, q))).toEqual([1, 50, 99, 100]);
  expect(quantile([], 0.5)).toBeNaN();
});

it('interpolates inside of the bucket', () => {
  const buckets = [
    { le: 10, count: 90 },
    { le: 5, count: 50 },
    { le: Number.POSITIVE_INFINITY, count: 100 },
  ];
  expect(histogramQuantile(buckets, 0.5)).toBe(5);
  expect(histogramQuantile(buckets, 0.7)).toBe(7.5);
  expect(histogramQuantile(buckets, 0.99)).toBe(10);
  expect(histogramQuantile([], 0.5)).toBeNaN();
});
