import type { PostgresPool } from '../../shared/postgres-pool.ts';
import type { RequestOrigin } from '../audit/audit-event.ts';
import type { OutboxEvent } from '../outbox/outbox-event.ts';
import { admitAttempt, settleAttempts } from '../throttling/attempt-counters.ts';
import { listPasswordCounters } from '../throttling/sign-in-throttle.ts';
import type { ChangeAccounts } from './account-changes.ts';
import { type Account, createAccountRepository } from './account-repository.ts';
import { parseEmailAddress } from './email-address.ts';
import { admitMail } from './mail-admission.ts';
import type { PasswordHashing } from './password-hashing.ts';
import {
  decidePasswordRefusal,
  isPasswordLengthBounded,
  normalisePassword,
  type PasswordRefusal,
} from './password-policy.ts';

/** Why a change that needs the current password was not made. */
type Refused =
  | { kind: 'wrong_password' }
  | { kind: 'throttled'; retryAfterSeconds: number }
  /** Something else has changed the account meanwhile, or it is gone. */
  | { kind: 'overtaken' };

export type PasswordChangeOutcome = { kind: 'changed' } | { kind: 'refused'; reason: PasswordRefusal } | Refused;
export type AddressChangeOutcome = { kind: 'accepted' } | { kind: 'invalid' } | Refused;

/** What the owner of an account, signed in, may change in it. `accountId` is the session's. */
export type AccountSettings = {
  changeName(accountId: string, form: { name: string | undefined; origin: RequestOrigin }): Promise<void>;
  /** Ends every session and token but the session that it is done in. */
  changePassword(
    accountId: string,
    form: { current: string; wanted: string; sessionUid: string; origin: RequestOrigin },
  ): Promise<PasswordChangeOutcome>;
  /** Sends a mail to the new address; nothing changes before its link was used. The same answer for one that is taken. */
  requestNewAddress(
    accountId: string,
    form: { current: string; newEmail: string; sessionUid: string; origin: RequestOrigin },
  ): Promise<AddressChangeOutcome>;
};

type Options = {
  readonly pool: PostgresPool;
  readonly change: ChangeAccounts;
  readonly hashing: PasswordHashing;
  readonly passwordMinimumLength: number;
  /** Whether there is mail to tell the owner by. */
  readonly sendsMail: boolean;
};

/** Rejects with `HashingOverloaded` or with the database's error. */
export const createAccountSettings = (options: Options): AccountSettings => {
  const { pool, change, hashing, passwordMinimumLength: minimumLength, sendsMail } = options;

  /** The account, when this is its password. A session that somebody else got hold of is not enough for a change. */
  const verifyCurrent = async (
    accountId: string,
    { current: password, sessionUid, origin }: { current: string; sessionUid: string; origin: RequestOrigin },
  ): Promise<{ kind: 'verified'; account: Account } | Refused> => {
    const found = await createAccountRepository(pool).findPassword(accountId);
    const email = parseEmailAddress(found?.account.email ?? '');
    if (found === undefined || email === undefined) return { kind: 'overtaken' };
    // As of a known device: it is signed in, and counts for itself. Whoever has got hold of one session holds up no other.
    const { clientAddress } = origin;
    const { own, shared } = listPasswordCounters({ email, clientAddress, deviceId: `session ${sessionUid}` });
    const admission = await admitAttempt(pool, [...own, ...shared]);
    if (!admission.ok) return { kind: 'throttled', retryAfterSeconds: admission.retryAfterSeconds };
    const isRight =
      isPasswordLengthBounded(password) && (await hashing.verify(found.passwordHash, normalisePassword(password)));
    if (!isRight) return { kind: 'wrong_password' };
    await settleAttempts(pool, { forget: own, giveBack: shared });
    return { kind: 'verified', account: found.account };
  };

  return {
    changeName: (accountId, { name, origin }) =>
      change(async (accounts) => {
        await accounts.setName(accountId, name);
        return { value: undefined, events: [{ event: 'name_changed', accountId, origin }] };
      }),
    changePassword: async (accountId, { current, wanted, sessionUid, origin }) => {
      const verdict = await verifyCurrent(accountId, { current, sessionUid, origin });
      if (verdict.kind !== 'verified') return verdict;
      const { account } = verdict;
      const password = normalisePassword(wanted);
      const email = parseEmailAddress(account.email);
      const reason = decidePasswordRefusal(password, { minimumLength, email });
      if (reason !== undefined) return { kind: 'refused', reason };
      const passwordHash = await hashing.hash(password);
      const mail: OutboxEvent = { topic: 'mail', payload: { kind: 'password_changed', accountId } };
      return change<PasswordChangeOutcome>(async (accounts) => {
        if (!(await accounts.setPassword(accountId, account.revision, { passwordHash, confirms: false }))) {
          return { value: { kind: 'overtaken' }, events: [] };
        }
        return {
          value: { kind: 'changed' },
          events: [{ event: 'password_changed', accountId, origin }],
          outbox: [
            { topic: 'revoke_subject', payload: { subject: accountId, keepSessionUid: sessionUid } },
            ...(sendsMail ? [mail] : []),
          ],
        };
      });
    },
    requestNewAddress: async (accountId, { current, newEmail, sessionUid, origin }) => {
      const verdict = await verifyCurrent(accountId, { current, sessionUid, origin });
      if (verdict.kind !== 'verified') return verdict;
      const mailbox = parseEmailAddress(newEmail);
      if (mailbox === undefined) return { kind: 'invalid' };
      const { revision } = verdict.account;
      return change<AddressChangeOutcome>(async (_accounts, connection) => {
        const { clientAddress } = origin;
        const admission = await admitMail(connection, { mailbox, clientAddress });
        if (admission.kind === 'throttled') return { value: admission, events: [] };
        const payload = {
          kind: 'confirm_new_address',
          accountId,
          revision,
          newEmail: newEmail.trim(),
        } as const;
        return {
          value: { kind: 'accepted' },
          events: [{ event: 'address_change_requested', accountId, origin }],
          ...(admission.kind === 'send' && { outbox: [{ topic: 'mail', payload }] }),
        };
      });
    },
  };
};
