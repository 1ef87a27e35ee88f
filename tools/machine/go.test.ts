import { expect, test } from 'vitest';
import { isAtLeast, parseGoVersion } from './go.ts';

test('the version of a Go is read from what it says of itself', () => {
  expect(parseGoVersion('go version go1.26.8 linux/amd64')).toBe('1.26.8');
  expect(parseGoVersion('go version go1.26 linux/arm64')).toBe('1.26');
  expect(parseGoVersion('command not found')).toBeUndefined();
});

test('versions compare by number, not by text', () => {
  expect(isAtLeast('1.26.8', '1.26.0')).toBe(true);
  expect(isAtLeast('1.26', '1.26.0')).toBe(true);
  expect(isAtLeast('1.9.9', '1.26.0')).toBe(false);
  expect(isAtLeast('2.0', '1.26.0')).toBe(true);
  expect(isAtLeast('1.25.12', '1.26.0')).toBe(false);
});
