import { describe, expect, it } from 'vitest';
import { createCsrfToken, verifyCsrfToken } from './csrf.ts';

const keys = ['a'.repeat(32), 'b'.repeat(32)];

describe('CSRF token', () => {
  it('holds for its interaction, under any key that is still there', () => {
    const token = createCsrfToken(keys, 'uid');
    expect(verifyCsrfToken(keys, 'uid', token)).toBe(true);
    expect(verifyCsrfToken([...keys].reverse(), 'uid', token)).toBe(true);
    expect(verifyCsrfToken(keys.slice(1), 'uid', token)).toBe(false);
    expect(verifyCsrfToken(keys, 'other', token)).toBe(false);
  });

  it.each([undefined, '', 'x', ['a'], 42, {}])('%j is none', (presented) => {
    expect(verifyCsrfToken(keys, 'uid', presented)).toBe(false);
  });
});
