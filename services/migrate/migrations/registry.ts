import type { MigrationBuilder } from 'node-pg-migrate';
import { up as tokenStore } from './0001_token-store.ts';
import { up as auth } from './0002_auth.ts';
import { up as revocation } from './0003_revocation.ts';
import { up as accounts } from './0004_accounts.ts';

/** One step of the schema. `name` is what the database remembers; it starts with its number in the order. */
export interface SchemaMigration {
  readonly name: string;
  readonly up: (builder: MigrationBuilder) => void;
}

/** All steps in their order; the last one names the schema's version. */
export const schemaMigrations: readonly SchemaMigration[] = [
  { name: '0001_token-store', up: tokenStore },
  { name: '0002_auth', up: auth },
  { name: '0003_revocation', up: revocation },
  { name: '0004_accounts', up: accounts },
];
