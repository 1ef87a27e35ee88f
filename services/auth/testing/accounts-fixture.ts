import { pino } from 'pino';
import { createPostgresPool, type PostgresPool } from '../../shared/postgres-pool.ts';
import { eventually } from '../../shared/testing/condition.ts';
import { startTokenStoreFixture } from '../../token-store/testing/token-store-fixture.ts';
import { createAccountChanges } from '../accounts/account-changes.ts';
import { type Accounts, createAccounts } from '../accounts/accounts.ts';
import { createConcurrencyLimit } from '../accounts/concurrency-limit.ts';
import { createPasswordHashing, type PasswordHashing } from '../accounts/password-hashing.ts';

/** Accounts over a real database, without the services around them. */
export type AccountsFixture = {
  readonly pool: PostgresPool;
  /** Passwords that were hashed and compared. */
  readonly work: ('hash' | 'verify')[];
  accounts(options?: { sendsMail?: boolean }): Accounts;
  /** All rows of a query, as auth's role reads them. */
  rows(text: string, ...values: unknown[]): Promise<Record<string, unknown>[]>;
  /** Resolves when a statement of somebody waits for what another transaction holds. */
  untilSomebodyWaits(): Promise<void>;
  /** Empties what the tests of a file share. */
  clear(): Promise<void>;
  stop(): Promise<void>;
};

export const startAccountsFixture = async (): Promise<AccountsFixture> => {
  const logger = pino({ level: 'silent' });
  const store = await startTokenStoreFixture(logger);
  const ended = new AbortController();
  const settings = { urlFile: store.writeFile('auth-url', store.roleUrl('auth')), maxConnections: 10 };
  const pool = await createPostgresPool(settings, logger, { signal: ended.signal, schema: 'auth' });
  const real = await createPasswordHashing(createConcurrencyLimit({ concurrency: 2, maxWaiting: 1000 }));
  const work: ('hash' | 'verify')[] = [];
  const hashing: PasswordHashing = {
    ...real,
    hash: (text) => {
      work.push('hash');
      return real.hash(text);
    },
    verify: (stored, text) => {
      work.push('verify');
      return real.verify(stored, text);
    },
  };
  let made = 0;
  return {
    pool,
    work,
    accounts: ({ sendsMail = false } = {}) =>
      createAccounts({
        pool,
        hashing,
        passwordMinimumLength: 12,
        sendsMail,
        newId: () => `account-${++made}`,
        change: createAccountChanges(pool, async () => undefined),
      }),
    rows: async (text, ...values) => (await pool.query({ text, values })).rows,
    untilSomebodyWaits: () =>
      eventually(async () => {
        const { rows } = await pool.query<{ waiting: string }>({
          text: `SELECT count(*) AS waiting FROM pg_stat_activity WHERE usename = current_user AND wait_event_type = 'Lock'`,
        });
        return rows[0]?.waiting !== '0';
      }),
    clear: async () => {
      work.length = 0;
      for (const table of ['accounts', 'outbox', 'attempt_counters', 'audit_events']) {
        await pool.query({ text: `DELETE FROM auth.${table}` });
      }
    },
    stop: async () => {
      ended.abort();
      await pool.end();
      await store.stop();
    },
  };
};
