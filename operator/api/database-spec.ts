import { z } from 'zod';
import { celRules, matches } from './cel-rules.ts';
import { objectName, secretReference } from './object-reference.ts';
import { imageSchema } from './qualified-name.ts';
import { quantityPattern } from './quantity.ts';
import { nodeSelectorSchema } from './scheduling.ts';
import { resourcesSchema } from './workload-spec.ts';

/** Size of a managed database's volume when nothing is said of it. */
export const defaultStorage = '10Gi';

const managedSchema = z
  .object({
    storage: z
      .string()
      .max(32)
      .meta(
        celRules(
          matches(
            quantityPattern,
            'database.managed.storage must be a size such as 20Gi or 512Mi: a number, with at most three decimals, and k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi or Ei',
          ),
          {
            rule: "!isQuantity(self) || quantity(self).isGreaterThan(quantity('0'))",
            message: 'database.managed.storage must be more than nothing',
          },
        ),
      )
      .default(defaultStorage)
      .describe('Size of the volume. It can only grow.'),
    storageClassName: objectName
      .optional()
      .describe("StorageClass of the volume. Default: the cluster's. Taken when the database is made."),
    image: imageSchema
      .optional()
      .describe('PostgreSQL image. Unset: the default of the operator (postgres:18), see docs/upgrades.md.'),
    nodeSelector: nodeSelectorSchema.optional(),
    resources: resourcesSchema.optional(),
  })
  .describe('One PostgreSQL with a volume, run by the operator: for evaluation and small tenants.');

/** Members of a one-of have no default: a stored one would make a later choice invalid. */
export const databaseSchema = z
  .object({
    connection: z
      .object({ secretRef: secretReference })
      .optional()
      .describe(
        'A PostgreSQL of yours. Secret with `url` (its owner, used by migrations alone) and optionally `auth-url`, `token-store-url` (roles of the services) and `ca.crt`.',
      ),
    cloudNativePG: z
      .object({
        clusterName: z
          .string()
          .min(1)
          .max(50)
          .regex(/^[a-z]([a-z0-9-]*[a-z0-9])?$/)
          .describe('Name of a Cluster (postgresql.cnpg.io) in the namespace of the tenant.'),
      })
      .optional()
      .describe('A Cluster of CloudNativePG: its Secret `<name>-app` and its read-write Service are used.'),
    managed: managedSchema.optional(),
  })
  .describe('Where data lives. Unset: managed.')
  .meta(
    celRules({
      rule: '[has(self.connection), has(self.cloudNativePG), has(self.managed)].filter(isSet, isSet).size() <= 1',
      message: 'set at most one of connection, cloudNativePG, managed',
    }),
  );

const has = (self: 'self' | 'oldSelf', member: string): string =>
  `(has(${self}.database) && has(${self}.database.${member}))`;
const isSame = (member: string): string => `${has('self', member)} == ${has('oldSelf', member)}`;
const isManaged = (self: 'self' | 'oldSelf'): string => `!${has(self, 'connection')} && !${has(self, 'cloudNativePG')}`;
const storageOf = (self: 'self' | 'oldSelf'): string =>
  `(${has(self, 'managed')} ? ${self}.database.managed.storage : '${defaultStorage}')`;
const storageClassOf = (self: 'self' | 'oldSelf'): string =>
  `(${has(self, 'managed')} && has(${self}.database.managed.storageClassName) ? ${self}.database.managed.storageClassName : '')`;
const staysManaged = `(${isManaged('self')} && ${isManaged('oldSelf')})`;

/** Rules of the tenant's spec, since a default counts as much as what is written. */
export const databaseTransitionRules = [
  {
    // Accounts do not move by themselves: an empty database would take the place of a full one.
    rule: `self.paused || (${isSame('connection')} && ${isSame('cloudNativePG')})`,
    message:
      'database: changing between managed, connection and cloudNativePG leaves all data behind; set paused, move the data, and unset it',
  },
  {
    rule: `!${staysManaged} || !isQuantity(${storageOf('self')}) || quantity(${storageOf('self')}).compareTo(quantity(${storageOf('oldSelf')})) >= 0`,
    message: `database.managed.storage can only grow (it is ${defaultStorage} unless set): a volume cannot be made smaller`,
  },
  {
    rule: `!${staysManaged} || ${storageClassOf('self')} == ${storageClassOf('oldSelf')}`,
    message:
      'database.managed.storageClassName cannot be changed: a volume stays in its class; move the data to another database instead',
  },
];
