import type { Queryable } from '../../shared/postgres-pool.ts';
import { addressCounters } from '../throttling/address-counters.ts';
import { admitAttempt } from '../throttling/attempt-counters.ts';
import type { EmailAddress } from './email-address.ts';

export type MailAdmission =
  | { kind: 'send' }
  /** The mailbox has had enough of them; whoever asks is told the same, and what was sent before holds. */
  | { kind: 'skip' }
  | { kind: 'throttled'; retryAfterSeconds: number };

/**
 * Whether a mail may be asked for. Nobody is kept from their account by it: a mailbox gets no more than a few, which all hold,
 * and only the one who asks too often is told so.
 */
export const admitMail = async (
  connection: Queryable,
  { mailbox, clientAddress }: { readonly mailbox: EmailAddress; readonly clientAddress: string },
): Promise<MailAdmission> => {
  const asker = await admitAttempt(connection, addressCounters('mail by address', clientAddress));
  if (!asker.ok) return { kind: 'throttled', retryAfterSeconds: asker.retryAfterSeconds };
  const reader = await admitAttempt(connection, [{ limit: 'mail by mailbox', of: mailbox }]);
  return { kind: reader.ok ? 'send' : 'skip' };
};
