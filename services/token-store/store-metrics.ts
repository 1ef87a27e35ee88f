import { Counter, Gauge, type Registry } from 'prom-client';
import type { PostgresPool } from '../shared/postgres-pool.ts';
import type { TransactionResponse } from './contract.ts';
import type { CacheRead } from './pending-devices.ts';

/** Counters of the token-store, on top of what every service measures. */
export interface StoreMetrics {
  countTransaction(response: TransactionResponse): void;
  countCleaned(table: string, rows: number): void;
  countCacheRead(outcome: CacheRead): void;
  /** Asked when metrics are scraped. */
  observeRevocations(size: () => number): void;
}

/** Registers the token-store's metrics; the pool is asked when they are scraped. */
export const createStoreMetrics = (registry: Registry, pool: PostgresPool): StoreMetrics => {
  const registers = [registry];
  const transactions = new Counter({
    name: 'token_store_transactions_total',
    help: 'Transactions by outcome: committed, replayed, or the reason of the refusal.',
    labelNames: ['outcome'],
    registers,
  });
  const cleaned = new Counter({
    name: 'token_store_cleaned_rows_total',
    help: 'Expired rows removed.',
    labelNames: ['table'],
    registers,
  });
  const cacheReads = new Counter({
    name: 'token_store_cache_reads_total',
    help: 'Looks at the cache: hit, miss, unusable (not ours, or changed), unavailable (away, or too slow).',
    labelNames: ['outcome'],
    registers,
  });
  new Gauge({
    name: 'postgres_pool_connections',
    help: 'Connections open (total), idle, and callers waiting for one.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, value] of Object.entries(pool.usage())) this.set({ state }, value);
    },
  });
  return {
    countTransaction: (response) =>
      transactions.inc({ outcome: response.outcome === 'refused' ? response.reason : response.outcome }),
    observeRevocations: (size) => {
      new Gauge({
        name: 'token_store_revocations',
        help: 'Revocations that gateways have to know of, as this process has read them; without clients.',
        registers,
        collect() {
          this.set(size());
        },
      });
    },
    countCacheRead: (outcome) => cacheReads.inc({ outcome }),
    countCleaned: (table, rows) => cleaned.inc({ table }, rows),
  };
};
