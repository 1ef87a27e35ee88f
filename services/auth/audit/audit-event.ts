import { randomUUID } from 'node:crypto';
import type { Queryable } from '../../shared/postgres-pool.ts';

/** What may be in the trail. */
export type AuditEventName =
  | 'account_registered'
  | 'registration_repeated'
  | 'account_disabled'
  | 'account_enabled'
  | 'account_deleted'
  | 'sign_in_succeeded'
  | 'sign_in_failed'
  | 'sign_in_throttled'
  | 'address_confirmed'
  | 'address_change_requested'
  | 'address_changed'
  | 'name_changed'
  | 'password_changed'
  | 'password_reset_requested'
  | 'password_reset'
  | 'consent_given'
  | 'consent_refused'
  | 'consent_withdrawn'
  | 'session_ended'
  | 'signed_out_everywhere';

/** Where a request comes from, as far as it is known. */
export type RequestOrigin = {
  /** IP address of the person's device, as the gateway says. */
  readonly clientAddress: string;
  /** The application that they were on the way to. */
  readonly clientId?: string;
};

export type AuditEvent = {
  readonly event: AuditEventName;
  /** Undefined where nobody is meant, such as a sign-in to an account that does not exist. */
  readonly accountId?: string | undefined;
  readonly origin?: RequestOrigin;
  /** No secret, no address of mail. */
  readonly details?: Readonly<Record<string, unknown>>;
};

/** Adds events to the trail; `connection` is that of the transaction whose change they report. */
export const recordAuditEvents = async (connection: Queryable, events: readonly AuditEvent[]): Promise<void> => {
  for (const { event, accountId, origin, details = {} } of events) {
    await connection.query({
      name: 'audit-record',
      text: `INSERT INTO auth.audit_events (id, event, account_id, client_id, client_address, details)
             VALUES ($1, $2, $3, $4, $5, $6::jsonb)`,
      values: [
        randomUUID(),
        event,
        accountId ?? null,
        origin?.clientId ?? null,
        origin?.clientAddress ?? null,
        JSON.stringify(details),
      ],
    });
  }
};
