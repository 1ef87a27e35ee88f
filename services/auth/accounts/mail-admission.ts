import type { Queryable } from '../../shared/postgres-pool.ts';
import { addressCounters } from '../throttling/address-counters.ts';
import { admitAttempt } from '../throttling/attempt-counters.ts';
import type { AttemptLimitName } from '../throttling/attempt-limits.ts';
import type { EmailAddress } from './email-address.ts';

export type MailAdmission =
  | { kind: 'send' }
  /** The mailbox has had enough of them; whoever asks is told the same. */
  | { kind: 'skip' }
  | { kind: 'throttled'; retryAfterSeconds: number };

/**
 * Whether a mail may be asked for. A mailbox gets no more than a few, and only the one who asks too often is told so. Nobody
 * is kept from their account by it: mails that set a new password are counted apart, by `reset by mailbox`.
 */
export const admitMail = async (
  connection: Queryable,
  {
    mailbox,
    clientAddress,
    limit = 'mail by mailbox',
  }: {
    readonly mailbox: EmailAddress;
    readonly clientAddress: string;
    readonly limit?: Extract<AttemptLimitName, `${string} by mailbox`>;
  },
): Promise<MailAdmission> => {
  const asker = await admitAttempt(connection, addressCounters('mail by address', clientAddress));
  if (!asker.ok) return { kind: 'throttled', retryAfterSeconds: asker.retryAfterSeconds };
  const reader = await admitAttempt(connection, [{ limit, of: mailbox }]);
  return { kind: reader.ok ? 'send' : 'skip' };
};
