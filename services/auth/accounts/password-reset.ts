import type { PostgresPool } from '../../shared/postgres-pool.ts';
import type { RequestOrigin } from '../audit/audit-event.ts';
import { settleAttempts } from '../throttling/attempt-counters.ts';
import { listPasswordCounters } from '../throttling/sign-in-throttle.ts';
import type { ChangeAccounts } from './account-changes.ts';
import { type EmailAddress, parseEmailAddress } from './email-address.ts';
import { admitMail } from './mail-admission.ts';
import { createMailLinks } from './mail-links.ts';
import type { PasswordHashing } from './password-hashing.ts';
import { decidePasswordRefusal, normalisePassword, type PasswordRefusal } from './password-policy.ts';

export type ResetRequestOutcome =
  /** Whether anybody has this address or not: a mail comes, or none does. */
  { kind: 'accepted' } | { kind: 'refused'; reason: 'invalid' } | { kind: 'throttled'; retryAfterSeconds: number };

export type ResetOutcome =
  | { kind: 'reset'; email: EmailAddress }
  | { kind: 'expired' }
  | { kind: 'refused'; reason: PasswordRefusal };

export type PasswordReset = {
  /** Who the mail goes to is looked up when it is sent, so that the answer is the same, and as quick, for everybody. */
  requestReset(form: { email: string; origin: RequestOrigin }): Promise<ResetRequestOutcome>;
  /**
   * By the link of a mail, which also confirms the address. Ends every session and token of the account. The link that confirms
   * an address does it too: whoever reads the mailbox owns the address, and a stranger who has registered with it, under a
   * password that nobody else knows, must not keep the owner from it.
   */
  resetPassword(form: { token: string; password: string; origin: RequestOrigin }): Promise<ResetOutcome>;
};

type Options = {
  readonly pool: PostgresPool;
  readonly change: ChangeAccounts;
  readonly hashing: PasswordHashing;
  readonly passwordMinimumLength: number;
};

/** Rejects with `HashingOverloaded` or with the database's error. */
export const createPasswordReset = (options: Options): PasswordReset => {
  const { pool, change, hashing, passwordMinimumLength: minimumLength } = options;
  return {
    requestReset: async ({ email: typed, origin }) => {
      const email = parseEmailAddress(typed);
      if (email === undefined) return { kind: 'refused', reason: 'invalid' };
      return change<ResetRequestOutcome>(async (_accounts, connection) => {
        const { clientAddress } = origin;
        const admission = await admitMail(connection, { mailbox: email, clientAddress, limit: 'reset by mailbox' });
        if (admission.kind === 'throttled') return { value: admission, events: [] };
        return {
          value: { kind: 'accepted' },
          events: [{ event: 'password_reset_requested', origin }],
          ...(admission.kind === 'send' && {
            outbox: [{ topic: 'mail', payload: { kind: 'reset_password', email } }],
          }),
        };
      });
    },
    resetPassword: async ({ token, password: typed, origin }) => {
      const link = await createMailLinks(pool).find(token);
      const email = parseEmailAddress(link?.account.email ?? '');
      const { purpose } = link ?? {};
      if (purpose === undefined || purpose === 'confirm_new_address' || email === undefined) return { kind: 'expired' };
      const password = normalisePassword(typed);
      const reason = decidePasswordRefusal(password, { minimumLength, email });
      if (reason !== undefined) return { kind: 'refused', reason };
      const passwordHash = await hashing.hash(password);
      return change<ResetOutcome>(async (accounts, connection) => {
        const used = await createMailLinks(connection).consume(token, purpose);
        const { id, revision } = used?.account ?? { id: '', revision: 0 };
        if (!(await accounts.setPassword(id, revision, { passwordHash, confirms: true }))) {
          return { value: { kind: 'expired' }, events: [] };
        }
        // Whoever guessed at the old password must not keep the owner from the new one.
        const { clientAddress } = origin;
        const { own, shared } = listPasswordCounters({ email, clientAddress, deviceId: undefined });
        const ofAccount = shared.filter(({ limit }) => limit === 'password by account');
        await settleAttempts(connection, { forget: [...own, ...ofAccount], giveBack: [] });
        return {
          value: { kind: 'reset', email },
          events: [{ event: 'password_reset', accountId: id, origin }],
          outbox: [
            { topic: 'revoke_subject', payload: { subject: id } },
            { topic: 'mail', payload: { kind: 'password_changed', accountId: id } },
          ],
        };
      });
    },
  };
};
