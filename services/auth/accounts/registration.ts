import type { RequestOrigin } from '../audit/audit-event.ts';
import type { OutboxEvent } from '../outbox/outbox-event.ts';
import type { ChangeAccounts } from './account-changes.ts';
import { parseEmailAddress } from './email-address.ts';
import { admitMail } from './mail-admission.ts';
import type { PasswordHashing } from './password-hashing.ts';
import { decidePasswordRefusal, normalisePassword, type PasswordRefusal } from './password-policy.ts';

export type RegistrationRefusal =
  | { field: 'email'; reason: 'invalid' }
  | { field: 'password'; reason: PasswordRefusal };

export type RegistrationOutcome =
  /**
   * Which does not say that an account was made: an address that has one already is accepted in the same words and time,
   * and its account stays as it is.
   */
  | { kind: 'accepted' }
  | { kind: 'refused'; refusal: RegistrationRefusal }
  | { kind: 'throttled'; retryAfterSeconds: number };

export type RegistrationOptions = {
  readonly change: ChangeAccounts;
  readonly hashing: PasswordHashing;
  readonly passwordMinimumLength: number;
  readonly confirmsAddresses: boolean;
  readonly newId: () => string;
};

export type Register = (form: {
  readonly email: string;
  readonly password: string;
  readonly name: string | undefined;
  readonly origin: RequestOrigin;
}) => Promise<RegistrationOutcome>;

/** Rejects with `HashingOverloaded` or with the database's error. */
export const createRegistration =
  ({ change, hashing, passwordMinimumLength, confirmsAddresses, newId }: RegistrationOptions): Register =>
  async ({ email: typed, password: typedPassword, name, origin }) => {
    const email = parseEmailAddress(typed);
    if (email === undefined) return { kind: 'refused', refusal: { field: 'email', reason: 'invalid' } };
    const password = normalisePassword(typedPassword);
    const reason = decidePasswordRefusal(password, { minimumLength: passwordMinimumLength, email });
    if (reason !== undefined) return { kind: 'refused', refusal: { field: 'password', reason } };
    const passwordHash = await hashing.hash(password);
    return change<RegistrationOutcome>(async (accounts, connection) => {
      const { clientAddress } = origin;
      if (confirmsAddresses) {
        const admission = await admitMail(connection, { mailbox: email, clientAddress });
        if (admission.kind === 'throttled') return { value: admission, events: [] };
        // Nobody could confirm it; a registration before it may still be confirmed.
        if (admission.kind === 'skip') return { value: { kind: 'accepted' }, events: [] };
      }
      const { id, revision, outcome } = await accounts.register({
        id: newId(),
        typedEmail: typed.trim(),
        email,
        name,
        passwordHash,
        pending: confirmsAddresses,
      });
      const mail: OutboxEvent =
        outcome === 'made'
          ? { topic: 'mail', payload: { kind: 'confirm_address', accountId: id, revision } }
          : { topic: 'mail', payload: { kind: 'account_exists', accountId: id } };
      return {
        value: { kind: 'accepted' },
        events: [{ event: outcome === 'made' ? 'account_registered' : 'registration_repeated', accountId: id, origin }],
        ...(confirmsAddresses && { outbox: [mail] }),
      };
    });
  };
