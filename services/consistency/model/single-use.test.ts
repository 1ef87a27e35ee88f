import { expect, it } from 'vitest';
import { findSingleUseFault } from './single-use.ts';

it('is used by one, and by nobody only where an answer was lost', () => {
  expect(findSingleUseFault('proof', ['refused', 'won', 'refused'], 'sound')).toBeUndefined();
  expect(findSingleUseFault('proof', ['refused', 'unknown'], 'sound')).toBeUndefined();
  expect(findSingleUseFault('proof', ['refused', 'refused'], 'lossy')).toBeUndefined();
});

it('is used by nobody twice, and not refused to everybody', () => {
  expect(findSingleUseFault('device_code', ['won', 'refused', 'won'], 'lossy')).toBe('device_code was used 2 times');
  expect(findSingleUseFault('pushed_request', ['refused', 'refused'], 'sound')).toBe(
    'pushed_request was refused to all 2',
  );
});
