import { waitUntil } from '../../../e2e/cluster/wait.ts';
import { apiVersion } from '../../api/group.ts';
import { customResources } from '../../tenant/custom-resources.ts';
import type { World } from '../world.ts';
import { tenantName } from './tenant-life.ts';
import type { ClientName, Fields } from './transition.ts';

/** With what every client begins. */
export const firstClientSpec: Fields = {
  tenantRef: { name: tenantName },
  redirectURIs: ['https://app.acme.example/callback'],
};

const clientOf = ({ namespace }: World, name: ClientName) => ({
  resource: customResources.identityClients,
  namespace,
  name,
});

/** Makes it, or patches the one that is there; one that is going is left to {@link ensureClients}. */
export const writeClient = async (world: World, name: ClientName, whole: Fields, patch: Fields): Promise<void> => {
  const { client } = world.cluster;
  const present = await client.get(clientOf(world, name));
  if (present === undefined) {
    const metadata = { name, namespace: world.namespace };
    await client.create({ apiVersion, kind: 'IdentityClient', metadata, spec: whole });
  } else if (present.metadata.deletionTimestamp === undefined) {
    await client.patchMerge(clientOf(world, name), { spec: patch });
  }
};

export const deleteClient = async (world: World, name: ClientName): Promise<void> => {
  await world.cluster.client.delete(clientOf(world, name));
};

/** Waits until those that are going have gone, and makes them again where they are wanted. */
export const ensureClients = async (
  world: World,
  wanted: Readonly<Partial<Record<ClientName, Fields>>>,
  patience: number,
): Promise<void> => {
  for (const [name, spec] of Object.entries(wanted) as [ClientName, Fields][]) {
    await waitUntil(`the client ${name} before to be gone`, patience, async () => {
      const present = await world.cluster.client.get(clientOf(world, name));
      return present?.metadata.deletionTimestamp === undefined;
    });
    await writeClient(world, name, spec, spec);
  }
};
