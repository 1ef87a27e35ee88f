import type { MigrationBuilder } from 'node-pg-migrate';

/** Auth's tables: accounts with their credentials, and the OpenID clients with the revision that pods compare. */
export const up = (builder: MigrationBuilder): void => {
  builder.sql(`
    CREATE TABLE auth.accounts (
      id text PRIMARY KEY,
      email text NOT NULL,
      email_normalized text NOT NULL UNIQUE,
      email_verified boolean NOT NULL DEFAULT false,
      password_hash text,
      name text,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      disabled_at timestamptz
    );

    CREATE TABLE auth.clients (
      client_id text PRIMARY KEY,
      registration jsonb NOT NULL,
      revision bigint NOT NULL,
      updated_at timestamptz NOT NULL DEFAULT now()
    );

    CREATE TABLE auth.client_registry (
      singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
      revision bigint NOT NULL
    );
    INSERT INTO auth.client_registry (revision) VALUES (0);
  `);
};
