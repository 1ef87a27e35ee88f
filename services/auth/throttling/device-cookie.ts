import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { EmailAddress } from '../accounts/email-address.ts';

/** How long a device is known after its last sign-in. */
export const deviceSeconds = 180 * 24 * 3600;
/** A family's browser; each entry is about 80 bytes. */
const maxEntries = 5;

type Entry = { readonly id: string; readonly expiresAt: number; readonly mac: string };

const entryPattern = /^([\w-]{22})\.(\d{1,12})\.([\w-]{43})$/;

const parseEntries = (cookie: string | undefined): Entry[] =>
  (cookie ?? '')
    .split('~')
    .slice(0, maxEntries)
    .flatMap((text) => {
      const [, id, expiresAt, mac] = entryPattern.exec(text) ?? [];
      return id === undefined || mac === undefined ? [] : [{ id, expiresAt: Number(expiresAt), mac }];
    });

const macOf = (key: string, id: string, expiresAt: number, email: EmailAddress): string =>
  createHmac('sha256', key).update(`device\0${id}\0${expiresAt}\0${email}`).digest('base64url');

const belongsTo = (keys: readonly string[], { id, expiresAt, mac }: Entry, email: EmailAddress): boolean =>
  keys.map((key) => timingSafeEqual(Buffer.from(mac), Buffer.from(macOf(key, id, expiresAt, email)))).some(Boolean);

/**
 * The device's id, when it has signed in to the account of this address before. The cookie says nothing by itself: which
 * address an entry is for shows only whoever names it.
 * @param keys those that sign cookies
 * @param now epoch seconds
 */
export const findKnownDevice = (
  keys: readonly string[],
  cookie: string | undefined,
  { email, now }: { readonly email: EmailAddress; readonly now: number },
): string | undefined =>
  parseEntries(cookie).find((entry) => entry.expiresAt > now && belongsTo(keys, entry, email))?.id;

/** The cookie of a device that has just signed in, with what it knew of other accounts. */
export const rememberDevice = (
  keys: readonly string[],
  cookie: string | undefined,
  { email, now }: { readonly email: EmailAddress; readonly now: number },
): string => {
  const [key] = keys;
  if (key === undefined) throw new Error('no cookie key');
  const entries = parseEntries(cookie).filter(({ expiresAt }) => expiresAt > now);
  const others = entries.filter((entry) => !belongsTo(keys, entry, email));
  const id = findKnownDevice(keys, cookie, { email, now }) ?? randomBytes(16).toString('base64url');
  const expiresAt = now + deviceSeconds;
  return [{ id, expiresAt, mac: macOf(key, id, expiresAt, email) }, ...others]
    .slice(0, maxEntries)
    .map((entry) => `${entry.id}.${entry.expiresAt}.${entry.mac}`)
    .join('~');
};
