import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEmailAddress } from './email-address.ts';

describe('parseEmailAddress', () => {
  it.each([
    ['ada@example.test', 'ada@example.test'],
    ['  Ada.Lovelace+news@Example.TEST ', 'ada.lovelace+news@example.test'],
    ['jürgen@bücher.example', 'jürgen@xn--bcher-kva.example'],
    ["o'brien@sub.domain.example", "o'brien@sub.domain.example"],
  ])('%j is stored as %j', (input, expected) => {
    expect(parseEmailAddress(input)).toBe(expected);
  });

  it.each([
    '',
    'ada',
    '@example.test',
    'ada@',
    'ada@example',
    'ada@@example.test',
    'ada lovelace@example.test',
    '.ada@example.test',
    'ada.@example.test',
    'ada..l@example.test',
    'ada@-example.test',
    'ada@example..test',
    'ada@[127.0.0.1]',
    '"ada"@example.test',
    'ada@example.test\r\nBcc: eve@example.test',
    'ada\n@example.test',
    'ada@example.test\u0000',
    `${'a'.repeat(65)}@example.test`,
    `ada@${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}.example`,
    'ada@exa%mple.test',
  ])('%j is refused', (input) => {
    expect(parseEmailAddress(input)).toBeUndefined();
  });

  it('never yields a control character or white space, and is idempotent', () => {
    const typed = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 80 }),
      fc.emailAddress(),
      fc.tuple(fc.emailAddress(), fc.string({ maxLength: 4 })).map(([address, more]) => `${more}${address}${more}`),
    );
    fc.assert(
      fc.property(typed, (input) => {
        const address = parseEmailAddress(input);
        if (address === undefined) return;
        expect(address).not.toMatch(/[\p{Cc}\s]/u);
        expect(parseEmailAddress(address)).toBe(address);
      }),
    );
  });
});
