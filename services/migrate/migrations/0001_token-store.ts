import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * The token-store's tables. Ids are SHA-256, payloads sealed: a dump of them signs nobody in. `expires_at` is indexed
 * everywhere else, because rows past it are cleaned in small batches; tokens have a partition for the day of their end,
 * which is dropped as a whole. A partition is made beside its parent and attached, since making it in place would lock
 * everybody out of all of them.
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
      day int NOT NULL,
      id_hash bytea NOT NULL,
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
      consumed_by uuid,
      PRIMARY KEY (day, id_hash)
    ) PARTITION BY LIST (day);

    CREATE TABLE token_store.refresh_replays (
      id_hash bytea PRIMARY KEY,
      fingerprint bytea NOT NULL,
      successor_day int NOT NULL,
      successor_hash bytea NOT NULL,
      answer bytea NOT NULL,
      expires_at timestamptz NOT NULL
    ) WITH (toast_tuple_target = 8160);
    CREATE INDEX refresh_replays_expires_at ON token_store.refresh_replays (expires_at);

    CREATE FUNCTION token_store.ensure_token_partitions(ahead int, most int) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
      today int := floor(extract(epoch FROM now()) / 86400);
      wanted int;
      made int := 0;
    BEGIN
      IF ahead NOT BETWEEN 0 AND 4000 THEN RAISE EXCEPTION 'days ahead out of bounds'; END IF;
      PERFORM pg_advisory_xact_lock(3, 1);
      FOR wanted IN today - 1 .. today + ahead LOOP
        EXIT WHEN made = most;
        CONTINUE WHEN to_regclass(format('token_store.tokens_%s', wanted)) IS NOT NULL;
        EXECUTE format('CREATE TABLE token_store.tokens_%s (LIKE token_store.tokens INCLUDING DEFAULTS INCLUDING INDEXES,'
          ' CHECK (day = %s))', wanted, wanted);
        EXECUTE format('ALTER TABLE token_store.tokens ATTACH PARTITION token_store.tokens_%s FOR VALUES IN (%s)',
          wanted, wanted);
        made := made + 1;
      END LOOP;
      RETURN made;
    END $$;
    REVOKE ALL ON FUNCTION token_store.ensure_token_partitions FROM PUBLIC;

    CREATE FUNCTION token_store.drop_ended_token_partition() RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
    DECLARE
      today int := floor(extract(epoch FROM now()) / 86400);
      ended int;
    BEGIN
      SELECT min(substring(relname FROM '^tokens_(\\d+)$')::int) INTO ended
        FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid
       WHERE inhparent = 'token_store.tokens'::regclass;
      IF ended IS NULL OR ended >= today - 1 THEN RETURN NULL; END IF;
      EXECUTE format('DROP TABLE token_store.tokens_%s', ended);
      RETURN ended;
    END $$;
    REVOKE ALL ON FUNCTION token_store.drop_ended_token_partition FROM PUBLIC;

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
