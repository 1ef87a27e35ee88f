import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * The token-store's tables. Ids are SHA-256, payloads sealed: a dump of them signs nobody in. `expires_at` is indexed
 * everywhere, because rows past it are cleaned in small batches.
 */
export const up = (builder: MigrationBuilder): void => {
  builder.sql(`
    CREATE TABLE token_store.grants (
      id_hash bytea PRIMARY KEY,
      subject text,
      subject_epoch bigint NOT NULL DEFAULT 0,
      client_id text,
      client_epoch bigint NOT NULL DEFAULT 0,
      payload bytea NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz NOT NULL,
      revoked_at timestamptz
    );
    CREATE INDEX grants_expires_at ON token_store.grants (expires_at);
    CREATE INDEX grants_subject ON token_store.grants (subject) WHERE subject IS NOT NULL;
    CREATE INDEX grants_client_id ON token_store.grants (client_id) WHERE client_id IS NOT NULL;

    CREATE TABLE token_store.tokens (
      id_hash bytea PRIMARY KEY,
      kind text NOT NULL,
      grant_hash bytea,
      session_uid_hash bytea,
      subject text,
      client_id text,
      client_epoch bigint NOT NULL DEFAULT 0,
      payload bytea NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz NOT NULL,
      consumed_at timestamptz,
      consumed_by uuid
    );
    CREATE INDEX tokens_expires_at ON token_store.tokens (expires_at);

    CREATE TABLE token_store.short_lived (
      id_hash bytea PRIMARY KEY,
      kind text NOT NULL,
      user_code_hmac bytea UNIQUE,
      grant_hash bytea,
      session_uid_hash bytea,
      subject text,
      client_id text,
      payload bytea NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz NOT NULL,
      consumed_at timestamptz,
      consumed_by uuid
    );
    CREATE INDEX short_lived_expires_at ON token_store.short_lived (expires_at);

    CREATE TABLE token_store.sessions (
      id_hash bytea PRIMARY KEY,
      uid_hash bytea NOT NULL UNIQUE,
      subject text,
      subject_epoch bigint NOT NULL DEFAULT 0,
      family_hashes bytea[] NOT NULL DEFAULT '{}',
      payload bytea NOT NULL,
      version bigint NOT NULL DEFAULT 1,
      committed_by uuid,
      created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz NOT NULL
    );
    CREATE INDEX sessions_expires_at ON token_store.sessions (expires_at);
    CREATE INDEX sessions_subject ON token_store.sessions (subject) WHERE subject IS NOT NULL;

    CREATE TABLE token_store.interactions (
      id_hash bytea PRIMARY KEY,
      grant_hash bytea,
      subject text,
      subject_epoch bigint NOT NULL DEFAULT 0,
      payload bytea NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz NOT NULL
    );
    CREATE INDEX interactions_expires_at ON token_store.interactions (expires_at);

    CREATE TABLE token_store.one_time_ids (
      id_hash bytea PRIMARY KEY,
      commit_id uuid NOT NULL,
      expires_at timestamptz NOT NULL
    );
    CREATE INDEX one_time_ids_expires_at ON token_store.one_time_ids (expires_at);
  `);
};
