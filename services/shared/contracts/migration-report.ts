import { z } from 'zod';

/** Termination message of the migrate Job (`/dev/termination-log`): one line of JSON, without any value of a setting. */
export const migrationReportSchema = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('migrated'), schemaVersion: z.string(), applied: z.array(z.string()) }),
  z.object({
    outcome: z.literal('failed'),
    /** Unreachable is retried for ever; the others need somebody to change something. */
    reason: z.enum(['DatabaseUnreachable', 'AuthenticationFailed', 'PermissionDenied', 'MigrationFailed']),
    /** SQLSTATE or error code of the connection, e.g. `28P01`, `ECONNREFUSED`. */
    code: z.string().optional(),
  }),
]);
export type MigrationReport = z.infer<typeof migrationReportSchema>;
