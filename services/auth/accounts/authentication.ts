import type { PostgresPool } from '../../shared/postgres-pool.ts';
import type { RequestOrigin } from '../audit/audit-event.ts';
import { admitAttempt, settleAttempts } from '../throttling/attempt-counters.ts';
import { listPasswordCounters, type PasswordCounters } from '../throttling/sign-in-throttle.ts';
import type { ChangeAccounts } from './account-changes.ts';
import { type Account, type AccountWithPassword, createAccountRepository } from './account-repository.ts';
import { type EmailAddress, parseEmailAddress } from './email-address.ts';
import type { PasswordHashing } from './password-hashing.ts';
import { isPasswordLengthBounded, normalisePassword } from './password-policy.ts';

/** `email` and `password` as typed, and where they come from. */
export type SignInAttempt = {
  readonly email: string;
  readonly password: string;
  readonly origin: RequestOrigin;
  /** Whether the device that sent it has signed in to the account of this address before, and its id. */
  readonly findDevice: (email: EmailAddress) => string | undefined;
  readonly beforeCredential?: BeforeCredential;
};

/**
 * Runs when it is known whose password will be compared, and before it is read: whoever reads something here that a change
 * of the password changes too cannot be given it anew for the old password. `undefined` for an unknown address.
 */
export type BeforeCredential = (accountId: string | undefined) => Promise<void>;

export type SignInOutcome =
  | { kind: 'signed_in'; account: Account; email: EmailAddress }
  /** The password is right; the address has to be confirmed first. */
  | { kind: 'unconfirmed'; account: Account }
  /** An unknown address and a wrong password alike, after the same work. */
  | { kind: 'refused' }
  | { kind: 'throttled'; retryAfterSeconds: number };

export type AuthenticationOptions = {
  readonly pool: PostgresPool;
  readonly change: ChangeAccounts;
  readonly hashing: PasswordHashing;
  readonly confirmsAddresses: boolean;
};

export type Authenticate = (attempt: SignInAttempt) => Promise<SignInOutcome>;

type Guess = {
  readonly email: EmailAddress;
  readonly password: string;
  readonly counters: PasswordCounters;
  readonly beforeCredential: BeforeCredential | undefined;
};

/** Rejects with `HashingOverloaded` or with the database's error. */
export const createAuthentication = (options: AuthenticationOptions): Authenticate => {
  const { pool, change, hashing, confirmsAddresses } = options;

  const verify = async (guess: Guess): Promise<AccountWithPassword | undefined> => {
    const { email, password, counters, beforeCredential } = guess;
    const accounts = createAccountRepository(pool);
    try {
      if (beforeCredential !== undefined) await beforeCredential((await accounts.findByEmail(email))?.account.id);
      const found = await accounts.findByEmail(email);
      const matches = await hashing.verify(found?.passwordHash, password);
      return matches ? found : undefined;
    } catch (error) {
      // Nothing was guessed; what is lost here costs somebody one of ten attempts.
      const giveBack = [...counters.own, ...counters.shared];
      await settleAttempts(pool, { forget: [], giveBack }).catch(() => undefined);
      throw error;
    }
  };

  const refuse = (email: EmailAddress, origin: RequestOrigin): Promise<SignInOutcome> =>
    change(async (accounts) => {
      const accountId = (await accounts.findByEmail(email))?.account.id;
      return { value: { kind: 'refused' }, events: [{ event: 'sign_in_failed', accountId, origin }] };
    });

  const accept = async (
    found: AccountWithPassword,
    { email, password, counters }: Guess,
    origin: RequestOrigin,
  ): Promise<SignInOutcome> => {
    const { account, passwordHash = '' } = found;
    const unconfirmed = found.pending && confirmsAddresses;
    const betterHash = hashing.needsRehash(passwordHash) ? await hashing.hash(password) : undefined;
    return change<SignInOutcome>(async (accounts, connection) => {
      if (betterHash !== undefined) await accounts.updatePasswordHash(account.id, account.revision, betterHash);
      await settleAttempts(connection, { forget: counters.own, giveBack: counters.shared });
      if (unconfirmed) return { value: { kind: 'unconfirmed', account }, events: [] };
      // Registered while the tenant had mail, which it has no more.
      if (found.pending) await accounts.endPending(account.id, account.revision);
      return {
        value: { kind: 'signed_in', account, email },
        events: [{ event: 'sign_in_succeeded', accountId: account.id, origin }],
      };
    });
  };

  return async ({ email: typedEmail, password: typedPassword, origin, findDevice, beforeCredential }) => {
    const email = parseEmailAddress(typedEmail);
    if (email === undefined || !isPasswordLengthBounded(typedPassword)) return { kind: 'refused' };
    const deviceId = findDevice(email);
    const counters = listPasswordCounters({ email, clientAddress: origin.clientAddress, deviceId });
    const admission = await admitAttempt(pool, [...counters.own, ...counters.shared]);
    if (!admission.ok) {
      const { limit, retryAfterSeconds, isFirst } = admission;
      // The first of a window is worth a line; whoever goes on must not fill the trail.
      const events = isFirst ? [{ event: 'sign_in_throttled' as const, origin, details: { limit } }] : [];
      return change(async () => ({ value: { kind: 'throttled', retryAfterSeconds }, events }));
    }
    const guess = { email, password: normalisePassword(typedPassword), counters, beforeCredential };
    const found = await verify(guess);
    return found === undefined ? refuse(email, origin) : accept(found, guess, origin);
  };
};
