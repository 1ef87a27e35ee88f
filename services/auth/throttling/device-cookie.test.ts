import { describe, expect, it } from 'vitest';
import type { EmailAddress } from '../accounts/email-address.ts';
import { deviceSeconds, findKnownDevice, rememberDevice } from './device-cookie.ts';

const email = (text: string) => text as EmailAddress;
const ada = { email: email('ada@example.test'), now: 1_000_000 };
const grace = { email: email('grace@example.test'), now: 1_000_000 };
const keys = ['a key that is long enough', 'an older key'];

describe('a device', () => {
  const cookie = rememberDevice(keys, undefined, ada);

  it('is known for the account that it signed in to, and no other', () => {
    expect(findKnownDevice(keys, cookie, ada)).toMatch(/^[\w-]{22}$/);
    expect(findKnownDevice(keys, cookie, grace)).toBeUndefined();
    expect(findKnownDevice(keys, undefined, ada)).toBeUndefined();
    expect(
      findKnownDevice(
        keys,
        cookie.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')),
        ada,
      ),
    ).toBeUndefined();
  });

  it('keeps its id, also when keys have been rotated, until its time is over', () => {
    const id = findKnownDevice(keys, cookie, ada);
    const rotated = ['a new key', ...keys];
    const later = { ...ada, now: ada.now + deviceSeconds - 1 };
    const renewed = rememberDevice(rotated, cookie, later);
    expect(findKnownDevice(rotated, renewed, { ...ada, now: ada.now + deviceSeconds + 1 })).toBe(id);
    expect(findKnownDevice(keys, cookie, { ...ada, now: ada.now + deviceSeconds })).toBeUndefined();
    expect(findKnownDevice(['another key'], cookie, ada)).toBeUndefined();
  });

  it('is known for five accounts, the newest', () => {
    const all = Array.from({ length: 7 }, (_, n) => ({ email: email(`p${n}@example.test`), now: ada.now }));
    const full = all.reduce<string | undefined>((jar, person) => rememberDevice(keys, jar, person), undefined);
    expect(all.map((person) => findKnownDevice(keys, full, person) !== undefined)).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
      true,
    ]);
    expect(full?.length).toBeLessThan(450);
  });
});
