import type { ISecret } from 'kubernetes-models/v1';
import { labels, managedByValue } from '../../api/group.ts';
import type { KubernetesClient } from '../../runtime/kubernetes-client.ts';
import type { LiveObject } from '../../runtime/kubernetes-object.ts';
import type { TenantCaches } from './tenant-caches.ts';

const isLabelledOurs = ({ metadata }: LiveObject): boolean => metadata.labels?.[labels.managedBy] === managedByValue;

/** Takes an answer into the cache of its kind; what our label does not select is in none of those of owned kinds. */
const takeIn = ({ tenants, clients, secrets, owned }: TenantCaches, answer: LiveObject): void => {
  const { kind, apiVersion } = answer;
  if (kind === 'IdentityTenant') tenants.remember(answer);
  else if (kind === 'IdentityClient') clients.remember(answer);
  else if (!isLabelledOurs(answer)) return;
  // The API server has validated it as the kind that it names.
  else if (kind === 'Secret') secrets.remember(answer as LiveObject & ISecret);
  else
    owned.find(({ resource }) => resource.kind === kind && resource.apiVersion === apiVersion)?.cache.remember(answer);
};

/**
 * Takes the answers to our own writes into the caches, so that the next pass sees them before their watch events come: it
 * writes nothing twice, and tells no transition again.
 */
export const rememberWrites = (client: KubernetesClient, caches: TenantCaches): KubernetesClient => {
  const remembering = <Call extends (...parameters: never[]) => Promise<LiveObject>>(call: Call): Call =>
    // The same function with an onlooker: its parameters and answer are those of `call`.
    (async (...parameters) => {
      const answer = await call(...parameters);
      takeIn(caches, answer);
      return answer;
    }) as Call;

  return {
    ...client,
    applyServerSide: remembering(client.applyServerSide),
    applyStatus: remembering(client.applyStatus),
    create: remembering(client.create),
    replace: remembering(client.replace),
    patchMerge: remembering(client.patchMerge),
  };
};
