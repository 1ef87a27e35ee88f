import { z } from 'zod';
import { listMapBy } from './cel-rules.ts';
import { conditionsSchema } from './conditions.ts';

const serviceStatusSchema = z.object({
  desired: z.int().describe('Pods that there should be.'),
  ready: z.int().describe('Pods that are ready.'),
  updated: z.int().describe('Pods of the current revision.'),
  zones: z.array(z.string().max(253)).max(64).describe('Zones in which a pod is ready.'),
});

export const tenantStatusSchema = z.object({
  observedGeneration: z.int().optional().describe('Generation of the spec that the status speaks of.'),
  conditions: conditionsSchema.optional().describe('See docs/conditions.md.'),
  endpoints: z
    .object({ issuer: z.string().max(512), discovery: z.string().max(1_024) })
    .optional()
    .describe('Where applications find the tenant.'),
  version: z.string().max(63).optional().describe('Version of the services that run.'),
  targetVersion: z
    .string()
    .max(63)
    .optional()
    .describe('Version that the services are being brought to, since it is the turn of this tenant.'),
  database: z
    .object({
      id: z.string().max(64).optional().describe('Id that migrate wrote into the database: no other is used.'),
      defaultImage: z
        .string()
        .max(512)
        .optional()
        .describe(
          'Image of the managed PostgreSQL where the spec names none. It follows the operator with the version.',
        ),
    })
    .optional()
    .describe('The database that the tenant remembers.'),
  services: z
    .object({
      gateway: serviceStatusSchema.optional(),
      auth: serviceStatusSchema.optional(),
      tokenStore: serviceStatusSchema.optional(),
    })
    .optional(),
  zones: z.string().max(16).optional().describe('Zones in which every service has a ready pod, of all zones.'),
  keys: z
    .array(
      z.object({
        kid: z.string().max(64),
        algorithm: z.string().max(16),
        state: z.string().max(16).describe('Active: it signs.'),
        since: z.iso.datetime().describe('When it came into this state.'),
      }),
    )
    .max(64)
    .optional()
    .describe('Signing keys.')
    .meta(listMapBy('kid')),
});
export type TenantStatus = z.output<typeof tenantStatusSchema>;

/** What reconciling a tenant reports: all but what the fleet's turns write, by a field manager of their own. */
export type ReportedStatus = Omit<TenantStatus, 'targetVersion'>;
