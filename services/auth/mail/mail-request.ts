import { z } from 'zod';

const accountOf = z.object({ accountId: z.string(), revision: z.int() });

/**
 * A mail that is to be written, as the outbox keeps it. The one who asks for it does not wait for it, and cannot tell
 * by anything whether there is somebody to write to: that is looked up when it is sent.
 */
export const mailRequestSchema = z.discriminatedUnion('kind', [
  /** To a new account's address, or to one whose owner asks for it. */
  accountOf.extend({ kind: z.literal('confirm_address') }),
  /** Somebody registered with an address that has an account. */
  z.object({ kind: z.literal('account_exists'), accountId: z.string() }),
  z.object({ kind: z.literal('reset_password'), email: z.string() }),
  accountOf.extend({ kind: z.literal('confirm_new_address'), newEmail: z.string() }),
  z.object({ kind: z.literal('address_changed'), oldEmail: z.string() }),
  z.object({ kind: z.literal('password_changed'), accountId: z.string() }),
]);
export type MailRequest = z.infer<typeof mailRequestSchema>;
