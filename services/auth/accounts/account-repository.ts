import { z } from 'zod';
import type { Queryable } from '../../shared/postgres-pool.ts';
import type { EmailAddress } from './email-address.ts';

/** An account as the rest of auth sees it; without the password's hash. */
export type Account = {
  id: string;
  /** As the person typed it, for showing and for mails. */
  email: string;
  emailVerified: boolean;
  name: string | undefined;
  /** Rises with every change of password or address. */
  revision: number;
};

export type AccountWithPassword = {
  account: Account;
  passwordHash: string | undefined;
  /** Registered, and the address not confirmed yet although it has to be. */
  pending: boolean;
};

export type NewAccount = {
  id: string;
  typedEmail: string;
  email: EmailAddress;
  name: string | undefined;
  passwordHash: string;
  pending: boolean;
};

export type AccountRepository = {
  /** Disabled accounts are not found, by none of the functions. */
  findById(id: string): Promise<Account | undefined>;
  findByEmail(email: EmailAddress): Promise<AccountWithPassword | undefined>;
  findPassword(id: string): Promise<AccountWithPassword | undefined>;
  /**
   * An address that has an account keeps it as it is, unless that one is pending: nobody has used it, and the last one to
   * register is who gets the next mail. Takes the same time in all cases.
   */
  register(account: NewAccount): Promise<{ id: string; revision: number; outcome: 'made' | 'there already' }>;
  /** A better hash of the same password; nothing happens when the account has another one by now. */
  updatePasswordHash(id: string, revision: number, passwordHash: string): Promise<void>;
  /** Somebody uses it: it is neither registered over nor cleaned away, with its address unconfirmed as it is. */
  endPending(id: string, revision: number): Promise<void>;
  setName(id: string, name: string | undefined): Promise<void>;
  /** These change the account of exactly this revision; false for another one. */
  confirmAddress(id: string, revision: number): Promise<boolean>;
  /** `confirms`: the one who sets it has read a mail at the account's address. */
  setPassword(id: string, revision: number, change: { passwordHash: string; confirms: boolean }): Promise<boolean>;
  /** The new address was confirmed. False also when somebody has it. */
  setAddress(id: string, revision: number, change: { typedEmail: string; email: EmailAddress }): Promise<boolean>;
  /** True when that changed it. */
  setDisabled(id: string, disabled: boolean): Promise<boolean>;
};

const rowSchema = z
  .object({
    id: z.string(),
    email: z.string(),
    email_verified: z.boolean(),
    name: z.string().nullable(),
    password_hash: z.string().nullable(),
    pending: z.boolean(),
    // bigint columns come as strings.
    revision: z.coerce.number().int(),
  })
  .transform(
    ({ id, email, email_verified, name, password_hash, pending, revision }): AccountWithPassword => ({
      account: { id, email, emailVerified: email_verified, name: name ?? undefined, revision },
      passwordHash: password_hash ?? undefined,
      pending,
    }),
  );

const registeredSchema = z.object({ id: z.string(), revision: z.coerce.number().int(), made: z.boolean() });

const columns = 'id, email, email_verified, name, password_hash, pending, revision';
const ofRevision = 'WHERE id = $1 AND revision = $2 AND disabled_at IS NULL';

/**
 * Every function rejects when the database cannot answer; `isDatabaseUnavailable` tells whether that may pass. Changes
 * belong into a transaction with what reports them: `createAccountChanges`.
 */
export const createAccountRepository = (database: Queryable): AccountRepository => {
  const findWhere = async (
    name: string,
    condition: string,
    value: string,
  ): Promise<AccountWithPassword | undefined> => {
    const { rows } = await database.query({
      name,
      text: `SELECT ${columns} FROM auth.accounts WHERE ${condition} = $1 AND disabled_at IS NULL`,
      values: [value],
    });
    return rows[0] === undefined ? undefined : rowSchema.parse(rows[0]);
  };
  const changes = async (name: string, text: string, values: unknown[]): Promise<boolean> => {
    const { rowCount } = await database.query({ name, text, values });
    return rowCount === 1;
  };
  return {
    findById: async (id) => (await findWhere('account-by-id', 'id', id))?.account,
    findByEmail: (email) => findWhere('account-by-email', 'email_normalized', email),
    findPassword: (id) => findWhere('account-by-id', 'id', id),
    register: async ({ id, typedEmail, email, name, passwordHash, pending }) => {
      // The update of an account in use changes nothing but writes and waits for the disk as the insert does: an address
      // that is taken must not be told by time.
      const { rows } = await database.query({
        name: 'account-register',
        text: `INSERT INTO auth.accounts AS held (id, email, email_normalized, name, password_hash, pending)
               VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (email_normalized) DO UPDATE SET
                 email = CASE WHEN held.pending THEN excluded.email ELSE held.email END,
                 name = CASE WHEN held.pending THEN excluded.name ELSE held.name END,
                 password_hash = CASE WHEN held.pending THEN excluded.password_hash ELSE held.password_hash END,
                 created_at = CASE WHEN held.pending THEN now() ELSE held.created_at END,
                 revision = CASE WHEN held.pending THEN held.revision + 1 ELSE held.revision END,
                 pending = held.pending AND excluded.pending
               RETURNING id, revision, password_hash = $5 AS made`,
        values: [id, typedEmail, email, name ?? null, passwordHash, pending],
      });
      const row = registeredSchema.parse(rows[0]);
      return { id: row.id, revision: row.revision, outcome: row.made ? 'made' : 'there already' };
    },
    updatePasswordHash: async (id, revision, passwordHash) => {
      await database.query({
        name: 'account-update-password-hash',
        text: `UPDATE auth.accounts SET password_hash = $3, updated_at = now() ${ofRevision}`,
        values: [id, revision, passwordHash],
      });
    },
    endPending: async (id, revision) => {
      await database.query({
        name: 'account-end-pending',
        text: `UPDATE auth.accounts SET pending = false, updated_at = now() ${ofRevision}`,
        values: [id, revision],
      });
    },
    setName: async (id, name) => {
      await database.query({
        name: 'account-set-name',
        text: 'UPDATE auth.accounts SET name = $2, updated_at = now() WHERE id = $1 AND disabled_at IS NULL',
        values: [id, name ?? null],
      });
    },
    confirmAddress: (id, revision) =>
      changes(
        'account-confirm-address',
        `UPDATE auth.accounts SET email_verified = true, pending = false, updated_at = now() ${ofRevision}`,
        [id, revision],
      ),
    setPassword: (id, revision, { passwordHash, confirms }) =>
      changes(
        'account-set-password',
        // The name that a registration came with which nobody had confirmed may be a stranger's.
        `UPDATE auth.accounts SET password_hash = $3, revision = revision + 1, updated_at = now(),
                name = CASE WHEN pending AND $4 THEN NULL ELSE name END, email_verified = email_verified OR $4, pending = pending AND NOT $4 ${ofRevision}`,
        [id, revision, passwordHash, confirms],
      ),
    setAddress: (id, revision, { typedEmail, email }) =>
      changes(
        'account-set-address',
        `UPDATE auth.accounts SET email = $3, email_normalized = $4, revision = revision + 1, updated_at = now(),
                email_verified = true, pending = false ${ofRevision}
            AND NOT EXISTS (SELECT 1 FROM auth.accounts WHERE email_normalized = $4 AND id <> $1)`,
        [id, revision, typedEmail, email],
      ),
    setDisabled: (id, disabled) =>
      changes(
        'account-set-disabled',
        `UPDATE auth.accounts SET disabled_at = CASE WHEN $2 THEN now() END, updated_at = now()
          WHERE id = $1 AND (disabled_at IS NOT NULL) <> $2`,
        [id, disabled],
      ),
  };
};
