import { z } from 'zod';
import type { PostgresPool } from '../../shared/postgres-pool.ts';
import type { TokenStoreClient } from '../../token-store/client/token-store-client.ts';
import { accountClientId } from '../account-page/account-client.ts';
import type { ChangeAccounts } from '../accounts/account-changes.ts';
import { parseEmailAddress } from '../accounts/email-address.ts';
import type { AuditEvent } from '../audit/audit-event.ts';
import { type AccountRecords, createAccountRecords } from './account-records.ts';
import type { AdminAccount, ListSessionsResponse } from './contract.ts';

/** What somebody who runs the tenant does. Rejects with the database's or the token-store's error. */
export type AccountAdministration = Pick<AccountRecords, 'findById' | 'listEvents'> & {
  findByEmail(typed: string): Promise<AdminAccount | undefined>;
  /** Nobody signs in to a disabled account, and what it has ends. False when that changes nothing. */
  setDisabled(accountId: string, disabled: boolean): Promise<boolean>;
  /** Ends what it has and erases the person; false when there is no such account. */
  deleteAccount(accountId: string): Promise<boolean>;
  listSessions(accountId: string): Promise<ListSessionsResponse>;
  /** Ends every session and token. */
  revokeSessions(accountId: string): Promise<void>;
  /** Ends one; false when it is not one of theirs, or over already. */
  revokeSession(accountId: string, sessionUid: string): Promise<boolean>;
};

export type AccountAdministrationOptions = {
  readonly pool: PostgresPool;
  readonly change: ChangeAccounts;
  readonly store: Pick<TokenStoreClient, 'listSessions' | 'find'>;
};

// The library's payload, with two members of ours (`adapter.ts`).
const payloadSchema = z.object({
  authorizations: z.record(z.string(), z.unknown()).optional(),
  device: z.string().optional(),
  usedAt: z.number().optional(),
});

const describePayload = (payload: unknown) => {
  const { authorizations = {}, device, usedAt } = payloadSchema.catch({}).parse(payload);
  return {
    ...(usedAt !== undefined && { usedAt: new Date(usedAt * 1000).toISOString() }),
    ...(device !== undefined && { device }),
    clientIds: Object.keys(authorizations).filter((clientId) => clientId !== accountClientId),
  };
};

const byOperator = (event: AuditEvent['event'], accountId: string): AuditEvent => ({
  event,
  accountId,
  details: { by: 'operator' },
});

const revokeEverything = (subject: string) => [{ topic: 'revoke_subject', payload: { subject } }] as const;

export const createAccountAdministration = (options: AccountAdministrationOptions): AccountAdministration => {
  const { pool, change, store } = options;
  const { findById, findByEmail, listEvents } = createAccountRecords(pool);
  return {
    findById,
    listEvents,
    findByEmail: async (typed) => {
      const email = parseEmailAddress(typed);
      return email === undefined ? undefined : findByEmail(email);
    },
    setDisabled: (accountId, disabled) =>
      change(async (accounts) => {
        if (!(await accounts.setDisabled(accountId, disabled))) return { value: false, events: [] };
        return {
          value: true,
          events: [byOperator(disabled ? 'account_disabled' : 'account_enabled', accountId)],
          ...(disabled && { outbox: revokeEverything(accountId) }),
        };
      }),
    deleteAccount: (accountId) =>
      change(async (_accounts, connection) => {
        if (!(await createAccountRecords(connection).erase(accountId))) return { value: false, events: [] };
        return {
          value: true,
          events: [byOperator('account_deleted', accountId)],
          outbox: revokeEverything(accountId),
        };
      }),
    listSessions: async (accountId) => {
      const { sessions } = await store.listSessions({ subject: accountId });
      return {
        sessions: sessions.map(({ uid, createdAt, expiresAt, payload }) => ({
          uid,
          createdAt,
          expiresAt,
          ...describePayload(payload),
        })),
      };
    },
    revokeSessions: (accountId) =>
      change(async () => ({
        value: undefined,
        events: [byOperator('signed_out_everywhere', accountId)],
        outbox: revokeEverything(accountId),
      })),
    revokeSession: async (accountId, sessionUid) => {
      const { record } = await store.find({ kind: 'session', by: 'uid', value: sessionUid });
      if (record?.subject !== accountId) return false;
      return change(async () => ({
        value: true,
        events: [byOperator('session_ended', accountId)],
        outbox: [{ topic: 'revoke_session', payload: { sessionUid } }],
      }));
    },
  };
};
