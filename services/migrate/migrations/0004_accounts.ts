import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * What accounts need besides themselves: mail and other events to be delivered (written in the transaction of the change
 * that they report), links of mails by their SHA-256, counters of attempts, the audit trail, and consents.
 */
export const up = (builder: MigrationBuilder): void => {
  builder.sql(`
    ALTER TABLE auth.accounts
      -- Rises with every change of password or address: a link of a mail holds for the one that it was written for.
      ADD COLUMN revision bigint NOT NULL DEFAULT 1,
      -- Registered, and its address not confirmed yet where that is needed: nobody can sign in.
      ADD COLUMN pending boolean NOT NULL DEFAULT false;
    CREATE INDEX accounts_pending ON auth.accounts (created_at) WHERE pending;

    CREATE TABLE auth.outbox (
      id uuid PRIMARY KEY,
      topic text NOT NULL,
      payload jsonb NOT NULL,
      attempts integer NOT NULL DEFAULT 0,
      created_at timestamptz NOT NULL DEFAULT now(),
      due_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX outbox_due_at ON auth.outbox (due_at);

    CREATE TABLE auth.mail_links (
      token_hash bytea PRIMARY KEY,
      purpose text NOT NULL,
      account_id text NOT NULL REFERENCES auth.accounts ON DELETE CASCADE,
      account_revision bigint NOT NULL,
      new_email text,
      expires_at timestamptz NOT NULL
    );
    CREATE INDEX mail_links_account_id ON auth.mail_links (account_id);
    CREATE INDEX mail_links_expires_at ON auth.mail_links (expires_at);

    CREATE TABLE auth.attempt_counters (
      key_hash bytea PRIMARY KEY,
      attempts integer NOT NULL,
      expires_at timestamptz NOT NULL
    );
    CREATE INDEX attempt_counters_expires_at ON auth.attempt_counters (expires_at);

    CREATE TABLE auth.audit_events (
      id uuid PRIMARY KEY,
      at timestamptz NOT NULL DEFAULT now(),
      event text NOT NULL,
      account_id text,
      client_id text,
      client_address text,
      details jsonb NOT NULL DEFAULT '{}'
    );
    CREATE INDEX audit_events_at ON auth.audit_events (at);
    CREATE INDEX audit_events_account_id ON auth.audit_events (account_id, at) WHERE account_id IS NOT NULL;

    CREATE TABLE auth.consents (
      id uuid PRIMARY KEY,
      account_id text NOT NULL REFERENCES auth.accounts ON DELETE CASCADE,
      client_id text NOT NULL,
      scopes text[] NOT NULL,
      claims text[] NOT NULL,
      policy_version text NOT NULL,
      given_at timestamptz NOT NULL DEFAULT now(),
      ended_at timestamptz
    );
    CREATE UNIQUE INDEX consents_current ON auth.consents (account_id, client_id) WHERE ended_at IS NULL;
    CREATE INDEX consents_ended_at ON auth.consents (ended_at) WHERE ended_at IS NOT NULL;

    CREATE TABLE auth.consent_grants (
      grant_id text PRIMARY KEY,
      account_id text NOT NULL REFERENCES auth.accounts ON DELETE CASCADE,
      client_id text NOT NULL,
      expires_at timestamptz NOT NULL
    );
    CREATE INDEX consent_grants_account ON auth.consent_grants (account_id, client_id);
    CREATE INDEX consent_grants_expires_at ON auth.consent_grants (expires_at);
  `);
};
