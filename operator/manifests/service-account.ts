import type { IServiceAccount } from 'kubernetes-models/v1';
import type { Blueprint } from './blueprint.ts';
import { ownedMetadata } from './metadata.ts';
import { objectNames } from './object-names.ts';

/** Identity of the tenant's pods. It may do nothing and its token is never mounted. */
export const buildServiceAccount = (blueprint: Blueprint) =>
  ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: ownedMetadata(blueprint, objectNames.serviceAccount(blueprint), 'tenant'),
    automountServiceAccountToken: false,
  }) satisfies IServiceAccount;
