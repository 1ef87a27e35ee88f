import { z } from 'zod';
import { databaseSettingsSchema } from '../shared/service-settings.ts';

/** Settings of the migrate Job: connects as the owner, makes the schemas and one role a service. */
export const migrateSettingsSchema = z.object({
  tenant: z.string().min(1),
  namespace: z.string().min(1),
  database: databaseSettingsSchema.pick({ urlFile: true, caFile: true }),
  /** Name and password file of each service's role; made when missing, the password set on every run. */
  roles: z.object({
    auth: z.object({ name: z.string().min(1), passwordFile: z.string().min(1) }),
    tokenStore: z.object({ name: z.string().min(1), passwordFile: z.string().min(1) }),
  }),
});
export type MigrateSettings = z.infer<typeof migrateSettingsSchema>;
