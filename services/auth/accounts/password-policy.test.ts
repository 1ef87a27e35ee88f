import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEmailAddress } from './email-address.ts';
import { decidePasswordRefusal, normalisePassword } from './password-policy.ts';

const email = parseEmailAddress('ada.lovelace@example.test');
const policy = { minimumLength: 8, email };

describe('decidePasswordRefusal', () => {
  it.each([
    ['correct horse battery', undefined],
    ['пароль-длинный', undefined],
    ['short', 'too_short'],
    ['🔑🔑🔑🔑', 'too_short'],
    ['Password123', 'common'],
    ['aaaaaaaaaaaa', 'common'],
    ['ada.lovelace', 'same_as_email'],
    ['Ada.Lovelace@example.test', 'same_as_email'],
    ['a'.repeat(129), 'too_long'],
    [`x${'🔑'.repeat(127)}`, undefined],
  ])('%j: %s', (password, expected) => {
    expect(decidePasswordRefusal(password, policy)).toBe(expected);
  });

  it('never lets one through that is shorter than the minimum', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 8, max: 64 }), (input, minimumLength) => {
        const password = normalisePassword(input);
        const refusal = decidePasswordRefusal(password, { minimumLength, email: undefined });
        if ([...password].length < minimumLength) expect(refusal).toBeDefined();
      }),
    );
  });
});

describe('normalisePassword', () => {
  it('makes composed and decomposed letters one password', () => {
    expect(normalisePassword('cafe\u0301')).toBe(normalisePassword('caf\u00e9'));
  });
});
