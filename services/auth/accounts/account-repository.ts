import { z } from 'zod';
import type { Queryable } from '../../shared/postgres-pool.ts';
import type { EmailAddress } from './email-address.ts';

/** An account as the rest of auth sees it; without the password's hash. */
export type Account = { id: string; email: string; emailVerified: boolean; name: string | undefined };

export type AccountWithPassword = { account: Account; passwordHash: string | undefined };

export type NewAccount = {
  id: string;
  /** As the person typed it, for showing. */
  typedEmail: string;
  email: EmailAddress;
  name: string | undefined;
  passwordHash: string;
};

export type AccountRepository = {
  /** Disabled accounts are not found. */
  findById(id: string): Promise<Account | undefined>;
  findByEmail(email: EmailAddress): Promise<AccountWithPassword | undefined>;
  /** False when the address has an account already, which stays as it is. Takes the same time in both cases. */
  insert(account: NewAccount): Promise<boolean>;
  updatePasswordHash(id: string, passwordHash: string): Promise<void>;
};

const rowSchema = z
  .object({
    id: z.string(),
    email: z.string(),
    email_verified: z.boolean(),
    name: z.string().nullable(),
    password_hash: z.string().nullable(),
  })
  .transform(({ id, email, email_verified, name, password_hash }) => ({
    account: { id, email, emailVerified: email_verified, name: name ?? undefined },
    passwordHash: password_hash ?? undefined,
  }));

const columns = 'id, email, email_verified, name, password_hash';

/** Every function rejects when the database cannot answer; `isDatabaseUnavailable` tells whether that may pass. */
export const createAccountRepository = (database: Queryable): AccountRepository => ({
  findById: async (id) => {
    const { rows } = await database.query({
      name: 'account-by-id',
      text: `SELECT ${columns} FROM auth.accounts WHERE id = $1 AND disabled_at IS NULL`,
      values: [id],
    });
    return rows[0] === undefined ? undefined : rowSchema.parse(rows[0]).account;
  },
  findByEmail: async (email) => {
    const { rows } = await database.query({
      name: 'account-by-email',
      text: `SELECT ${columns} FROM auth.accounts WHERE email_normalized = $1 AND disabled_at IS NULL`,
      values: [email],
    });
    return rows[0] === undefined ? undefined : rowSchema.parse(rows[0]);
  },
  insert: async ({ id, typedEmail, email, name, passwordHash }) => {
    // The update changes nothing but writes and waits for the disk as the insert does: an address that is taken must not
    // be told by time. RETURNING id tells the two apart.
    const { rows } = await database.query<{ id: string }>({
      name: 'account-insert',
      text: `INSERT INTO auth.accounts (id, email, email_normalized, name, password_hash) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (email_normalized) DO UPDATE SET email_normalized = excluded.email_normalized
             RETURNING id`,
      values: [id, typedEmail, email, name ?? null, passwordHash],
    });
    return rows[0]?.id === id;
  },
  updatePasswordHash: async (id, passwordHash) => {
    await database.query({
      name: 'account-update-password-hash',
      text: 'UPDATE auth.accounts SET password_hash = $2, updated_at = now() WHERE id = $1',
      values: [id, passwordHash],
    });
  },
});
