import { z } from 'zod';
import type { Queryable } from '../../shared/postgres-pool.ts';
import type { EmailAddress } from '../accounts/email-address.ts';
import type { AdminAccount, EventsQuery, ListEventsResponse } from './contract.ts';

const accountRowSchema = z
  .object({
    id: z.string(),
    email: z.string(),
    email_verified: z.boolean(),
    name: z.string().nullable(),
    pending: z.boolean(),
    created_at: z.date(),
    updated_at: z.date(),
    disabled_at: z.date().nullable(),
  })
  .transform(
    (row): AdminAccount => ({
      id: row.id,
      email: row.email,
      emailVerified: row.email_verified,
      ...(row.name !== null && { name: row.name }),
      pending: row.pending,
      createdAt: row.created_at.toISOString(),
      updatedAt: row.updated_at.toISOString(),
      ...(row.disabled_at !== null && { disabledAt: row.disabled_at.toISOString() }),
    }),
  );

const eventRowSchema = z.object({
  id: z.string(),
  at: z.date(),
  microseconds: z.string(),
  event: z.string(),
  account_id: z.string().nullable(),
  client_id: z.string().nullable(),
  client_address: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
});

const toEvent = (row: z.infer<typeof eventRowSchema>): ListEventsResponse['events'][number] => ({
  id: row.id,
  at: row.at.toISOString(),
  event: row.event,
  ...(row.account_id !== null && { accountId: row.account_id }),
  ...(row.client_id !== null && { clientId: row.client_id }),
  ...(row.client_address !== null && { clientAddress: row.client_address }),
  details: row.details,
});

/** Accounts and events as whoever runs the tenant sees them: disabled ones too. */
export type AccountRecords = {
  findById(id: string): Promise<AdminAccount | undefined>;
  findByEmail(email: EmailAddress): Promise<AdminAccount | undefined>;
  /** Newest first. */
  listEvents(query: EventsQuery & { accountId?: string }): Promise<ListEventsResponse>;
  /**
   * Erases what is known of a person: the account with its links and consents, mails that wait, and where its events came
   * from. The events stay, under an id that names nobody any more. False when there is none.
   */
  erase(id: string): Promise<boolean>;
};

export const createAccountRecords = (database: Queryable): AccountRecords => {
  const findWhere = async (name: string, column: string, value: string): Promise<AdminAccount | undefined> => {
    const { rows } = await database.query({
      name,
      text: `SELECT id, email, email_verified, name, pending, created_at, updated_at, disabled_at
               FROM auth.accounts WHERE ${column} = $1`,
      values: [value],
    });
    return rows[0] === undefined ? undefined : accountRowSchema.parse(rows[0]);
  };
  return {
    findById: (id) => findWhere('admin-account-by-id', 'id', id),
    findByEmail: (email) => findWhere('admin-account-by-email', 'email_normalized', email),
    listEvents: async ({ accountId, from, until, cursor, limit }) => {
      const [microseconds, id] = cursor?.split('.') ?? [];
      const { rows } = await database.query({
        name: accountId === undefined ? 'admin-events' : 'admin-account-events',
        text: `SELECT id, at, (extract(epoch FROM at) * 1000000)::bigint AS microseconds, event, account_id, client_id,
                      client_address, details
                 FROM auth.audit_events
                WHERE ${accountId === undefined ? '$1::text IS NULL' : 'account_id = $1'}
                  AND ($2::timestamptz IS NULL OR at >= $2) AND ($3::timestamptz IS NULL OR at < $3)
                  AND ($4::bigint IS NULL
                       OR (at, id) < (timestamptz 'epoch' + $4::bigint * interval '1 microsecond', $5::uuid))
                ORDER BY at DESC, id DESC LIMIT $6`,
        values: [accountId ?? null, toDate(from), toDate(until), microseconds ?? null, id ?? null, limit + 1],
      });
      const found = rows.map((row) => eventRowSchema.parse(row));
      const page = found.slice(0, limit);
      const last = page.at(-1);
      return {
        events: page.map(toEvent),
        ...(found.length > limit && last !== undefined && { next: `${last.microseconds}.${last.id}` }),
      };
    },
    erase: async (id) => {
      const { rows } = await database.query<{ email: string; email_normalized: string }>({
        name: 'admin-account-delete',
        text: 'DELETE FROM auth.accounts WHERE id = $1 RETURNING email, email_normalized',
        values: [id],
      });
      const [account] = rows;
      if (account === undefined) return false;
      await database.query({
        name: 'admin-account-forget-mails',
        text: `DELETE FROM auth.outbox WHERE topic = 'mail' AND (payload->>'accountId' = $1
                  OR payload->>'email' IN ($2, $3) OR payload->>'oldEmail' IN ($2, $3))`,
        values: [id, account.email, account.email_normalized],
      });
      await database.query({
        name: 'admin-account-forget-addresses',
        text: 'UPDATE auth.audit_events SET client_address = NULL WHERE account_id = $1',
        values: [id],
      });
      return true;
    },
  };
};

const toDate = (text: string | undefined): Date | null => (text === undefined ? null : new Date(text));
