import { z } from 'zod';
import { databaseSettingsSchema } from '../shared/service-settings.ts';

/** A role that migrate makes when it is missing, its password set on every run. */
const ownRoleSchema = z.object({ name: z.string().min(1), passwordFile: z.string().min(1) });
/** A role of the user's: the one of this URL. It is given its rights and otherwise left as it is. */
const givenRoleSchema = z.object({ urlFile: z.string().min(1) });
const roleSchema = z.union([ownRoleSchema, givenRoleSchema]);

/** Settings of the migrate Job: connects as the owner, makes the schemas, and gives each service's role its rights. */
export const migrateSettingsSchema = z.object({
  tenant: z.string().min(1),
  namespace: z.string().min(1),
  database: databaseSettingsSchema.omit({ maxConnections: true }),
  roles: z.object({ auth: roleSchema, tokenStore: roleSchema }),
  /** File with the id of the database that the tenant remembers; absent, or no such file: any database will do. */
  expectedDatabaseFile: z.string().min(1).optional(),
  /** File with the id of a database that may take the place of the remembered one, or with `empty` for a new one. */
  acceptedDatabaseFile: z.string().min(1).optional(),
  /** The data-encryption keys that the token-store has, by fingerprint: data sealed by others could not be opened. */
  dataEncryptionKeys: z.array(z.object({ id: z.string().min(1), fingerprint: z.string().min(1) })).default([]),
});
export type MigrateSettings = z.input<typeof migrateSettingsSchema>;
export type RoleSettings = z.infer<typeof roleSchema>;
