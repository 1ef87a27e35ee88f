import { expect, it } from 'vitest';
import { canonicalQuantity } from './quantity.ts';

it.each([
  ['500m', '500m'],
  ['0.5', '500m'],
  ['1000m', '1'],
  ['1.25', '1250m'],
  ['0', '0'],
  ['0Gi', '0'],
  [2, '2'],
  ['2000', '2k'],
  ['1024Mi', '1Gi'],
  ['1500Mi', '1500Mi'],
  ['1.5Gi', '1536Mi'],
  ['0.5Ki', '512'],
  ['1.001Gi', '1074815565824m'],
  ['1000M', '1G'],
  ['1.5G', '1500M'],
  ['1073741824', '1073741824'],
  ['7Ei', '7Ei'],
  ['8Ei', '9223372036854775807'],
  ['9000Pi', '9223372036854775807'],
  ['10E', '10E'],
])('%s is written as %s', (written, canonical) => {
  expect(canonicalQuantity(written)).toBe(canonical);
  expect(canonicalQuantity(canonical)).toBe(canonical);
});

it.each(['', 'much', '-1', '1.m', '0.5m', '1e3', '1gi', '1 Gi'])('%j is none', (written) => {
  expect(() => canonicalQuantity(written)).toThrow(RangeError);
});
