import { emptyDatabase, type MigrationFailure } from '../shared/contracts/migration-report.ts';
import type { MigrateSettings } from './settings.ts';

type KeyFingerprint = NonNullable<MigrateSettings['dataEncryptionKeys']>[number];

/** What a database says of itself. */
export type DatabaseIdentity = {
  /** Undefined in one where migrate never came to its end. */
  readonly id?: string;
  /** The id that the tenant remembered when this one was accepted as `empty` in its place. */
  readonly replaces?: string;
  /** Data-encryption keys that its data may be sealed with. */
  readonly keys: readonly KeyFingerprint[];
};

/** What the tenant knows of its database. */
export type DatabaseExpectation = {
  readonly expected?: string;
  readonly accept?: string;
  readonly keys: readonly KeyFingerprint[];
};

/**
 * Whether this is the tenant's database, and its keys those of the data. Decided before anything is made in it: an empty
 * database that took the place of a full one must not look like a success.
 */
export const findIdentityFault = (
  database: DatabaseIdentity,
  { expected, accept, keys }: DatabaseExpectation,
): MigrationFailure | undefined => {
  const found = database.id ?? emptyDatabase;
  // A run that was cut off after it had written the id is repeated; what it was allowed to do it still is.
  const isBegun = accept === emptyDatabase && database.replaces !== undefined && database.replaces === expected;
  if (expected !== undefined && found !== expected && found !== accept && !isBegun)
    return { outcome: 'failed', reason: 'DatabaseChanged', expected, found };
  for (const { id, fingerprint } of database.keys) {
    const present = keys.find((key) => key.id === id);
    if (present === undefined) return { outcome: 'failed', reason: 'EncryptionKeyMissing', keyId: id };
    if (present.fingerprint !== fingerprint) return { outcome: 'failed', reason: 'EncryptionKeyChanged', keyId: id };
  }
  return undefined;
};
