import { apiVersion, labels, managedByValue } from '../api/group.ts';
import type { Blueprint } from './blueprint.ts';

/** Labels that select the pods of one component; never changed, since a Deployment's selector cannot be. */
export const selectorLabels = ({ name }: Pick<Blueprint, 'name'>, component: string): Record<string, string> => ({
  [labels.name]: 'identity',
  [labels.instance]: name,
  [labels.component]: component,
});

/** Labels of every object of a tenant. */
export const objectLabels = (
  blueprint: Pick<Blueprint, 'name' | 'uid'>,
  component: string,
): Record<string, string> => ({
  ...selectorLabels(blueprint, component),
  [labels.managedBy]: managedByValue,
  [labels.tenantUid]: blueprint.uid,
});

/** Ties an object to its tenant: garbage collection takes it when the tenant goes. */
export const ownerReference = ({ name, uid }: Pick<Blueprint, 'name' | 'uid'>) => ({
  apiVersion,
  kind: 'IdentityTenant',
  name,
  uid,
  controller: true,
  blockOwnerDeletion: true,
});

/** Metadata of an object that goes with its tenant. */
export const ownedMetadata = (blueprint: Blueprint, name: string, component: string) => ({
  name,
  namespace: blueprint.namespace,
  labels: objectLabels(blueprint, component),
  ownerReferences: [ownerReference(blueprint)],
});
