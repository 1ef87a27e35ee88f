import { describe, expect, it } from 'vitest';
import { decideKeyLife } from './client-key-fetch.ts';

describe('decideKeyLife', () => {
  it.each([
    [null, 60],
    ['no-store', 60],
    ['max-age=5', 60],
    ['public, max-age=600, immutable', 600],
    ['max-age=31536000', 3600],
    ['s-maxage=900', 60],
    ['max-age=soon', 60],
  ])('%j: %i seconds', (header, seconds) => {
    expect(decideKeyLife(header)).toBe(seconds);
  });
});
