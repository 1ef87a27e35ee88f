import type { PostgresPool, Queryable } from '../../shared/postgres-pool.ts';
import { type AuditEvent, recordAuditEvents } from '../audit/audit-event.ts';
import type { OutboxEvent } from '../outbox/outbox-event.ts';
import { type EnqueuedEvent, enqueueEvent } from '../outbox/outbox-repository.ts';
import { type AccountRepository, createAccountRepository } from './account-repository.ts';

/** What a change comes to: its value, what the audit trail says of it, and what has to happen elsewhere. */
export type Change<Value> = {
  readonly value: Value;
  readonly events: readonly AuditEvent[];
  readonly outbox?: readonly OutboxEvent[];
};

/**
 * The one way in which accounts change: the change, its events and what it asks of others are one transaction. `connection`
 * is for what else belongs to it.
 */
export type ChangeAccounts = <Value>(
  work: (accounts: AccountRepository, connection: Queryable) => Promise<Change<Value>>,
) => Promise<Value>;

/** @param onEnqueued awaited after the commit, with what waits in the outbox by it; does not reject */
export const createAccountChanges =
  (
    pool: Pick<PostgresPool, 'transaction'>,
    onEnqueued: (events: readonly EnqueuedEvent[]) => Promise<void>,
  ): ChangeAccounts =>
  async (work) => {
    const { value, enqueued } = await pool.transaction(async (connection) => {
      const change = await work(createAccountRepository(connection), connection);
      await recordAuditEvents(connection, change.events);
      const enqueued: EnqueuedEvent[] = [];
      for (const event of change.outbox ?? []) enqueued.push(await enqueueEvent(connection, event));
      return { value: change.value, enqueued };
    });
    if (enqueued.length > 0) await onEnqueued(enqueued);
    return value;
  };
