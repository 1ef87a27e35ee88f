import { describe, expect, it } from 'vitest';
import { compareVersions, isNextMinor, isSameMinor } from './service-version.ts';

describe('versions of the services', () => {
  it('are ordered by number, a candidate before its release', () => {
    const ordered = ['0.1.0', '0.1.9', '0.1.10', '0.2.0-rc.2', '0.2.0-rc.10', '0.2.0', '0.10.0', '1.0.0'];
    expect(ordered.toReversed().toSorted(compareVersions)).toEqual(ordered);
  });

  it.each([
    ['0.1.0', '0.1.7', true, false],
    ['0.1.9', '0.2.0-rc.1', false, true],
    ['0.1.0', '0.3.0', false, false],
    ['0.2.0', '0.1.0', false, false],
    ['0.9.0', '1.0.0', false, false],
    ['0.9.0', '1.10.0', false, false],
  ])('%s and %s: the same minor version %s, the next one %s', (one, other, same, next) => {
    expect([isSameMinor(one, other), isNextMinor(one, other)]).toEqual([same, next]);
  });
});
