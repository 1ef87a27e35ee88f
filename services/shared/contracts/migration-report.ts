import { z } from 'zod';

/**
 * What stands in place of an id where a database has none: nothing was ever made in it by us. Also the word by which a
 * user accepts such a one.
 */
export const emptyDatabase = 'empty';

/** Termination message of the migrate Job (`/dev/termination-log`): one line of JSON, without any value of a setting. */
export const migrationReportSchema = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('migrated'),
    schemaVersion: z.string(),
    applied: z.array(z.string()),
    /** The id that the database has carried since its first migration; absent from versions that wrote none. */
    databaseId: z.string().optional(),
    /** True when the services have to use the owner's role, since it may make no others. */
    sharedRole: z.boolean().optional(),
  }),
  z.object({
    outcome: z.literal('failed'),
    /** Unreachable is retried for ever; the others need somebody to change something. */
    reason: z.enum([
      'DatabaseUnreachable',
      'AuthenticationFailed',
      'PermissionDenied',
      'RoleMissing',
      'DatabaseChanged',
      'EncryptionKeyMissing',
      'EncryptionKeyChanged',
      'MigrationFailed',
    ]),
    /** SQLSTATE or error code of the connection, e.g. `28P01`, `ECONNREFUSED`. */
    code: z.string().optional(),
    /** DatabaseChanged: the id that was remembered, and the one that is there (or {@link emptyDatabase}). */
    expected: z.string().optional(),
    found: z.string().optional(),
    /** EncryptionKeyMissing, EncryptionKeyChanged: id of the key in `keys.json`. */
    keyId: z.string().optional(),
  }),
]);
export type MigrationReport = z.infer<typeof migrationReportSchema>;
export type MigrationFailure = Extract<MigrationReport, { outcome: 'failed' }>;
