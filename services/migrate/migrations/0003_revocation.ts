import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * What ends records before their time, and the messages that go out with a transaction. Epochs have a row from the first
 * revocation of everything on. `living_grants` and `living_sessions` are what any statement may take for alive.
 * `revocations` is read by transaction id (`xid`): ids of a sequence become visible out of order.
 */
export const up = (builder: MigrationBuilder): void => {
  builder.sql(`
    CREATE TABLE token_store.subject_epochs (
      subject text PRIMARY KEY,
      epoch bigint NOT NULL,
      raised_at timestamptz NOT NULL DEFAULT now()
    );

    CREATE TABLE token_store.client_epochs (
      client_id text PRIMARY KEY,
      epoch bigint NOT NULL,
      raised_at timestamptz NOT NULL DEFAULT now(),
      xid xid8 NOT NULL DEFAULT pg_current_xact_id()
    );

    CREATE VIEW token_store.living_grants AS
      SELECT family.* FROM token_store.grants AS family
       WHERE family.revoked_at IS NULL AND family.expires_at > now()
         AND NOT EXISTS (SELECT 1 FROM token_store.subject_epochs AS raised
                          WHERE raised.subject = family.subject AND raised.epoch > family.subject_epoch)
         AND NOT EXISTS (SELECT 1 FROM token_store.client_epochs AS raised
                          WHERE raised.client_id = family.client_id AND raised.epoch > family.client_epoch);

    CREATE VIEW token_store.living_sessions AS
      SELECT session.* FROM token_store.sessions AS session
       WHERE session.expires_at > now()
         AND NOT EXISTS (SELECT 1 FROM token_store.subject_epochs AS raised
                          WHERE raised.subject = session.subject AND raised.epoch > session.subject_epoch);

    CREATE TABLE token_store.revocations (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      kind text NOT NULL,
      key_hash bytea NOT NULL,
      xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
      revoked_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz NOT NULL
    );
    CREATE INDEX revocations_key ON token_store.revocations (key_hash) WHERE kind = 'token';
    CREATE INDEX revocations_xid ON token_store.revocations (xid);
    CREATE INDEX revocations_expires_at ON token_store.revocations (expires_at);

    CREATE TABLE token_store.outbox (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      key_hash bytea NOT NULL UNIQUE,
      topic text NOT NULL,
      payload bytea NOT NULL,
      status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'given_up')),
      attempts int NOT NULL DEFAULT 0,
      last_error text,
      due_at timestamptz NOT NULL DEFAULT now(),
      created_at timestamptz NOT NULL DEFAULT now(),
      finished_at timestamptz
    );
    CREATE INDEX outbox_due_at ON token_store.outbox (topic, due_at) WHERE status = 'pending';
    CREATE INDEX outbox_finished_at ON token_store.outbox (finished_at) WHERE finished_at IS NOT NULL;
  `);
};
