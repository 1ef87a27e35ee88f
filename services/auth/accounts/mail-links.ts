import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Queryable } from '../../shared/postgres-pool.ts';
import type { Account } from './account-repository.ts';

/** What a link of a mail is for. */
export type LinkPurpose = 'confirm_address' | 'reset_password' | 'confirm_new_address';

/** How long a link holds, seconds. */
export const linkSeconds: Readonly<Record<LinkPurpose, number>> = {
  confirm_address: 24 * 3600,
  reset_password: 1800,
  confirm_new_address: 3600,
};

/** A link that holds: its account is as it was when the mail was written. */
export type MailLink = {
  readonly purpose: LinkPurpose;
  readonly account: Pick<Account, 'id' | 'email' | 'revision'>;
  /** As typed; of `confirm_new_address` alone. */
  readonly newEmail: string | undefined;
};

const tokenBytes = 32;
const hashToken = (token: string): Buffer => createHash('sha256').update(token).digest();

/** 256 bits: nobody guesses one, and its hash needs no salt. */
export const newLinkToken = (): string => randomBytes(tokenBytes).toString('base64url');

const rowSchema = z
  .object({
    purpose: z.enum(['confirm_address', 'reset_password', 'confirm_new_address']),
    id: z.string(),
    email: z.string(),
    revision: z.coerce.number().int(),
    new_email: z.string().nullable(),
  })
  .transform(
    ({ purpose, id, email, revision, new_email }): MailLink => ({
      purpose,
      account: { id, email, revision },
      newEmail: new_email ?? undefined,
    }),
  );

// A link to confirm an address can set a password too: another one of the same mail is worth nothing once that was done.
const holding = `link.token_hash = $1 AND link.expires_at > now() AND account.id = link.account_id
       AND account.revision = link.account_revision AND account.disabled_at IS NULL
       AND NOT (link.purpose = 'confirm_address' AND account.email_verified)`;
const members = 'link.purpose, account.id, account.email, account.revision, link.new_email';

export type MailLinks = {
  /** Keeps the token's hash; the token itself is in the mail and nowhere else. */
  insert(
    token: string,
    link: { purpose: LinkPurpose; accountId: string; revision: number; newEmail?: string },
  ): Promise<void>;
  /** Looks at a link and changes nothing: programs that scan mails open them. */
  find(token: string): Promise<MailLink | undefined>;
  /** Uses a link up; of several at once one gets it. */
  consume(token: string, purpose: LinkPurpose): Promise<MailLink | undefined>;
};

export const createMailLinks = (database: Queryable): MailLinks => ({
  insert: async (token, { purpose, accountId, revision, newEmail }) => {
    await database.query({
      name: 'mail-link-insert',
      text: `INSERT INTO auth.mail_links (token_hash, purpose, account_id, account_revision, new_email, expires_at)
             VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))`,
      values: [hashToken(token), purpose, accountId, revision, newEmail ?? null, linkSeconds[purpose]],
    });
  },
  find: async (token) => {
    const { rows } = await database.query({
      name: 'mail-link-find',
      text: `SELECT ${members} FROM auth.mail_links link, auth.accounts account WHERE ${holding}`,
      values: [hashToken(token)],
    });
    return rows[0] === undefined ? undefined : rowSchema.parse(rows[0]);
  },
  consume: async (token, purpose) => {
    const { rows } = await database.query({
      name: 'mail-link-consume',
      text: `DELETE FROM auth.mail_links link USING auth.accounts account
              WHERE ${holding} AND link.purpose = $2 RETURNING ${members}`,
      values: [hashToken(token), purpose],
    });
    return rows[0] === undefined ? undefined : rowSchema.parse(rows[0]);
  },
});
