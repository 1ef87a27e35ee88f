import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { Queryable } from '../../shared/postgres-pool.ts';
import { eventually } from '../../shared/testing/condition.ts';
import { readRevocationChanges } from '../../token-store/queries/revocation-changes.ts';

/** Longer than any overlap that somebody might think enough, ms; a transaction may take far longer still. */
const slowMilliseconds = 300;

const insert = (client: pg.Client, key: Buffer) =>
  client.query(
    `INSERT INTO token_store.revocations (kind, key_hash, expires_at) VALUES ('grant', $1, now() + interval '1 hour')`,
    [key],
  );

/**
 * Reads the feed, as a token-store does, while one transaction that revokes takes its time and others overtake it.
 * @param reader through which the feed is read.
 * @returns whether the slow one's revocation never came.
 */
export const losesLateRevocation = async (reader: Queryable, ownerUrl: string): Promise<boolean> => {
  const [slow, quick] = await Promise.all(
    [1, 2].map(async () => {
      const client = new pg.Client({ connectionString: ownerUrl });
      await client.connect();
      return client;
    }),
  );
  if (slow === undefined || quick === undefined) throw new Error('unreachable: there are two');
  const late = randomBytes(32);
  const seen: string[] = [];
  let cursor = 0n;
  const read = async (): Promise<void> => {
    const { next, entries } = await readRevocationChanges(reader, cursor);
    cursor = next;
    seen.push(...entries.map(({ keyHash }) => keyHash.toString('hex')));
  };
  try {
    await read();
    const began = performance.now();
    await slow.query('BEGIN');
    await insert(slow, late);
    await eventually(async () => {
      await insert(quick, randomBytes(32));
      await read();
      return performance.now() - began > slowMilliseconds;
    });
    await slow.query('COMMIT');
    await read();
    await read();
    return !seen.includes(late.toString('hex'));
  } finally {
    await Promise.all([slow.end(), quick.end()]);
  }
};
