import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresPool, type PostgresPool } from '../shared/postgres-pool.ts';
import { startStandby, type TestStandby } from '../shared/testing/postgres-standby.ts';
import { type DataKeyring, loadDataEncryptionKeys } from '../token-store/data-encryption-keys.ts';
import { startTokenStoreFixture, type TokenStoreFixture } from '../token-store/testing/token-store-fixture.ts';
import { feedMutants, type Mutant, mutatePool, readsFromReplica, sound, storeMutants } from './mutants/mutant.ts';
import { losesLateRevocation } from './traffic/late-revocation.ts';
import { sampleRace } from './traffic/race.ts';
import { runRace } from './traffic/run-race.ts';
import { openStoreFamily, presentProof } from './traffic/store-family.ts';
import { findFamilyFault } from './validate/family-history.ts';

const races = 300;
const width = 8;
const proofs = 20;

let fixture: TokenStoreFixture;
let standby: TestStandby;
let replica: pg.Pool;
let pool: PostgresPool;
let keyring: () => DataKeyring;
const ended = new AbortController();

beforeAll(async () => {
  fixture = await startTokenStoreFixture();
  standby = await startStandby(fixture.postgres);
  const replicaUrl = new URL(fixture.roleUrl('token-store'));
  replicaUrl.port = String(standby.port);
  replica = new pg.Pool({ connectionString: replicaUrl.href });
  // The standby may end before it has read that its connections are over, and says so.
  replica.on('error', () => undefined);
  // Its partitions are made before it is ready.
  await fixture.start();
  const logger = pino({ level: 'silent' });
  const { database, dataEncryptionKeysDirectory } = fixture.settings();
  pool = await createPostgresPool(database, logger, { signal: ended.signal, schema: 'token_store' });
  keyring = loadDataEncryptionKeys(dataEncryptionKeysDirectory, { signal: ended.signal, logger });
});
afterAll(async () => {
  ended.abort();
  await replica?.end();
  await pool?.end();
  await standby?.stop();
  await fixture?.stop();
});

/** Whether races or proofs show that a store does not keep what it promises; what they show. */
const findFault = async (mutant: Mutant): Promise<readonly string[] | undefined> => {
  const context = {
    pool: mutatePool(pool, mutant),
    keyring: keyring(),
    feedSeconds: 60,
    announceRevocations: () => undefined,
  };
  for (let proof = 0; proof < proofs; proof += 1) {
    const taken = await presentProof(context, 4);
    if (taken !== 1) return [`${taken} of 4 times a proof was taken for the first`];
  }
  for (let seed = 1; seed <= races; seed += width) {
    const faults = await Promise.all(
      Array.from({ length: width }, async (_, index) => {
        const ways = index % 2 === 0 ? 'sound' : 'lossy';
        return findFamilyFault(await runRace(await openStoreFamily(context, ways), sampleRace(seed + index)), ways);
      }),
    );
    const fault = faults.find((one) => one !== undefined);
    if (fault !== undefined) return fault;
  }
  return undefined;
};

describe('races at the store', () => {
  it(`find nothing in ${sound.name}`, async () => {
    expect(await findFault(sound)).toBeUndefined();
  });

  it.each(storeMutants)('find a store that $name', async (mutant) => {
    expect(await findFault(mutant)).toBeDefined();
  });

  it('find a store that reads from a replica', async () => {
    await standby.catchUp();
    expect(await findFault(readsFromReplica(replica))).toBeDefined();
  });
});

describe('a transaction that revokes and takes its time', () => {
  it(`is not lost by ${sound.name}`, async () => {
    expect(await losesLateRevocation(pool, fixture.databaseUrl)).toBe(false);
  });

  it.each(feedMutants)('is lost by a store that $name', async (mutant) => {
    expect(await losesLateRevocation(mutatePool(pool, mutant), fixture.databaseUrl)).toBe(true);
  });
});
