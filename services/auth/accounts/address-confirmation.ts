import { databaseErrorCode } from '../../shared/postgres-errors.ts';
import type { PostgresPool } from '../../shared/postgres-pool.ts';
import type { RequestOrigin } from '../audit/audit-event.ts';
import { admitAttempt, settleAttempts } from '../throttling/attempt-counters.ts';
import { listPasswordCounters } from '../throttling/sign-in-throttle.ts';
import type { ChangeAccounts } from './account-changes.ts';
import { createAccountRepository } from './account-repository.ts';
import { type EmailAddress, parseEmailAddress } from './email-address.ts';
import { admitMail } from './mail-admission.ts';
import { createMailLinks } from './mail-links.ts';
import type { PasswordHashing } from './password-hashing.ts';
import { isPasswordLengthBounded, normalisePassword } from './password-policy.ts';

export type ConfirmationOutcome =
  | { kind: 'confirmed' }
  /** The link is used, too old, or not for this account any more. */
  | { kind: 'expired' }
  | { kind: 'refused' }
  | { kind: 'throttled'; retryAfterSeconds: number };

const uniqueViolation = '23505';

/** Of two accounts that get one address in the same moment, neither of which sees the other yet, one finds it taken. */
const unlessTaken = async (confirm: () => Promise<ConfirmationOutcome>): Promise<ConfirmationOutcome> => {
  try {
    return await confirm();
  } catch (error) {
    if (databaseErrorCode(error) === uniqueViolation) return { kind: 'expired' };
    throw error;
  }
};

export type AddressConfirmation = {
  /**
   * By the link of a mail and the password of the account. The password shows that whoever reads the mail is the one who
   * registered: else somebody could register with a stranger's address and have that stranger confirm it.
   */
  confirmAddress(form: { token: string; password: string; origin: RequestOrigin }): Promise<ConfirmationOutcome>;
  /** By the link of a mail to the new address; it was asked for with the password. */
  confirmNewAddress(form: { token: string; origin: RequestOrigin }): Promise<ConfirmationOutcome>;
  /** Sends the mail again, unless the mailbox has had enough of them. */
  sendConfirmation(accountId: string, origin: RequestOrigin): Promise<void>;
};

type Options = {
  readonly pool: PostgresPool;
  readonly change: ChangeAccounts;
  readonly hashing: PasswordHashing;
};

/** Rejects with `HashingOverloaded` or with the database's error. */
export const createAddressConfirmation = ({ pool, change, hashing }: Options): AddressConfirmation => {
  const verifyPassword = async (
    accountId: string,
    password: string,
    { email, clientAddress }: { email: EmailAddress; clientAddress: string },
  ): Promise<ConfirmationOutcome> => {
    const { own, shared } = listPasswordCounters({ email, clientAddress, deviceId: undefined });
    const admission = await admitAttempt(pool, [...own, ...shared]);
    if (!admission.ok) return { kind: 'throttled', retryAfterSeconds: admission.retryAfterSeconds };
    const found = await createAccountRepository(pool).findPassword(accountId);
    if (!isPasswordLengthBounded(password)) return { kind: 'refused' };
    if (!(await hashing.verify(found?.passwordHash, normalisePassword(password)))) return { kind: 'refused' };
    await settleAttempts(pool, { forget: own, giveBack: shared });
    return { kind: 'confirmed' };
  };

  return {
    confirmAddress: async ({ token, password, origin }) => {
      const link = await createMailLinks(pool).find(token);
      const email = parseEmailAddress(link?.account.email ?? '');
      if (link?.purpose !== 'confirm_address' || email === undefined) return { kind: 'expired' };
      const { clientAddress } = origin;
      const verdict = await verifyPassword(link.account.id, password, { email, clientAddress });
      if (verdict.kind !== 'confirmed') return verdict;
      return change<ConfirmationOutcome>(async (accounts, connection) => {
        const used = await createMailLinks(connection).consume(token, 'confirm_address');
        const { id, revision } = used?.account ?? { id: '', revision: 0 };
        if (!(await accounts.confirmAddress(id, revision))) return { value: { kind: 'expired' }, events: [] };
        return { value: { kind: 'confirmed' }, events: [{ event: 'address_confirmed', accountId: id, origin }] };
      });
    },
    confirmNewAddress: ({ token, origin }) =>
      unlessTaken(() =>
        change<ConfirmationOutcome>(async (accounts, connection) => {
          const expired = { value: { kind: 'expired' } as const, events: [] };
          const used = await createMailLinks(connection).consume(token, 'confirm_new_address');
          const email = parseEmailAddress(used?.newEmail ?? '');
          if (used?.newEmail === undefined || email === undefined) return expired;
          const { id, revision, email: oldEmail } = used.account;
          if (!(await accounts.setAddress(id, revision, { typedEmail: used.newEmail, email }))) return expired;
          return {
            value: { kind: 'confirmed' },
            events: [{ event: 'address_changed', accountId: id, origin }],
            outbox: [{ topic: 'mail', payload: { kind: 'address_changed', oldEmail } }],
          };
        }),
      ),
    sendConfirmation: (accountId, origin) =>
      change(async (accounts, connection) => {
        const nothing = { value: undefined, events: [] };
        const account = await accounts.findById(accountId);
        const mailbox = parseEmailAddress(account?.email ?? '');
        if (account === undefined || mailbox === undefined || account.emailVerified) return nothing;
        const { clientAddress } = origin;
        if ((await admitMail(connection, { mailbox, clientAddress })).kind !== 'send') return nothing;
        const { revision } = account;
        return { ...nothing, outbox: [{ topic: 'mail', payload: { kind: 'confirm_address', accountId, revision } }] };
      }),
  };
};
