import { createHmac, timingSafeEqual } from 'node:crypto';

const tokenFor = (key: string, interactionUid: string): Buffer =>
  createHmac('sha256', key).update(`csrf ${interactionUid}`).digest();

/**
 * A form's token, bound to the interaction that its cookie names. Only somebody with that cookie is shown one; `keys[0]`
 * signs and all of them verify, as with cookies.
 */
export const createCsrfToken = (keys: readonly string[], interactionUid: string): string => {
  const [key] = keys;
  if (key === undefined) throw new Error('no cookie key');
  return tokenFor(key, interactionUid).toString('base64url');
};

export const verifyCsrfToken = (keys: readonly string[], interactionUid: string, presented: unknown): boolean => {
  if (typeof presented !== 'string') return false;
  const token = Buffer.from(presented, 'base64url');
  return keys
    .map((key) => tokenFor(key, interactionUid))
    .map((expected) => expected.length === token.length && timingSafeEqual(expected, token))
    .some(Boolean);
};
