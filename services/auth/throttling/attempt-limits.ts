import { linkSeconds } from '../accounts/mail-links.ts';

/** At most so many attempts in a window that begins with the first of them; seconds. */
export type AttemptLimit = { readonly attempts: number; readonly windowSeconds: number };

/** What is counted, each for itself. Passwords, codes and mails share no counter. */
export const attemptLimits = {
  /** Wrong passwords for one account from one network, by devices that never signed in to it. */
  'password by account and network': { attempts: 10, windowSeconds: 900 },
  /** Wrong passwords for one account from everywhere, by such devices: what a botnet gets. */
  'password by account': { attempts: 100, windowSeconds: 3600 },
  /** Wrong passwords of one device that has signed in to the account before. */
  'password by known device': { attempts: 10, windowSeconds: 900 },
  /** Wrong passwords from one address, whatever the account: an office shares one. */
  'password by address': { attempts: 100, windowSeconds: 900 },
  /** Forms with the code of a device, from one address. */
  'code by address': { attempts: 60, windowSeconds: 900 },
  /**
   * Mails by which one mailbox can set a new password, that somebody else may have asked for. The window is as long as
   * their links hold: whoever is refused another one has one that does.
   */
  'reset by mailbox': { attempts: 5, windowSeconds: linkSeconds.reset_password },
  /** Other mails to one mailbox that somebody else may have asked for. */
  'mail by mailbox': { attempts: 5, windowSeconds: 3600 },
  /** Mails that one address asks for. */
  'mail by address': { attempts: 100, windowSeconds: 3600 },
} as const satisfies Record<string, AttemptLimit>;

export type AttemptLimitName = keyof typeof attemptLimits;
