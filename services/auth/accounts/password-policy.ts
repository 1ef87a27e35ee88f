import { commonPasswords } from './common-passwords.ts';
import type { EmailAddress } from './email-address.ts';

/** Bounds of the work that one password may cause; NIST SP 800-63B-4 section 3.1.1.2 asks for at least 64 characters. */
const maxCharacters = 128;
const maxBytes = 1024;

/** Why a new password is refused. There are no composition rules, on NIST's advice. */
export type PasswordRefusal = 'too_short' | 'too_long' | 'common' | 'same_as_email';

/**
 * One form of a password (NIST SP 800-63B-4 section 3.1.1.2: NFKC), so that a phone and a desktop keyboard that compose
 * letters differently produce the same one.
 */
export const normalisePassword = (password: string): string => password.normalize('NFKC');

/** False for what cannot be anybody's password: such a sign-in is refused without a hash. */
export const isPasswordLengthBounded = (password: string): boolean =>
  [...password].length <= maxCharacters && Buffer.byteLength(password) <= maxBytes;

/** Decides on a new password, already normalised. `minimumLength` counts code points. */
export const decidePasswordRefusal = (
  password: string,
  { minimumLength, email }: { minimumLength: number; email: EmailAddress | undefined },
): PasswordRefusal | undefined => {
  if (!isPasswordLengthBounded(password)) return 'too_long';
  if ([...password].length < minimumLength) return 'too_short';
  const lowered = password.toLowerCase();
  if (email !== undefined && (lowered === email || lowered === email.slice(0, email.lastIndexOf('@')))) {
    return 'same_as_email';
  }
  if (commonPasswords.has(lowered) || new Set(lowered).size === 1) return 'common';
  return undefined;
};
