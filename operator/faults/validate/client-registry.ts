import { isDeepStrictEqual } from 'node:util';
import type { ISecret } from 'kubernetes-models/v1';
import type { ClientRegistration } from '../../../services/shared/contracts/client-registration.ts';
import { bindingName, identityClientSchema } from '../../api/identity-client.ts';
import { identityTenantSchema } from '../../api/identity-tenant.ts';
import { bindingEntries, buildClientRegistration } from '../../client/client-registration.ts';
import type { LiveObject } from '../../runtime/kubernetes-object.ts';
import { builtInResources } from '../../runtime/resource-kind.ts';
import { decodeEntries } from '../../tenant/caches/object-projections.ts';
import { customResources } from '../../tenant/custom-resources.ts';
import { tenantOf } from '../traffic/tenant-life.ts';
import type { World } from '../world.ts';

/**
 * How what auth knows of clients differs from the clients that there are, each with the secret that its Secret holds.
 * @param left clients that auth may know though they are not there.
 * @returns nothing when it does not.
 */
export const findUnregistered = async (
  world: World,
  registered: ReadonlyMap<string, ClientRegistration>,
  left: ReadonlySet<string>,
): Promise<string[]> => {
  const { namespace, cluster } = world;
  const [tenant, { items }] = await Promise.all([
    cluster.client.get(tenantOf(world)),
    cluster.client.list(customResources.identityClients, { namespace }),
  ]);
  if (tenant === undefined) return ['no tenant'];
  const clients = items.map((object) => identityClientSchema.parse(object));
  const wanted = await Promise.all(
    clients.map(async (client) => {
      const reference = { resource: builtInResources.secrets, namespace, name: bindingName(client) };
      const secret = (await cluster.client.get<LiveObject & ISecret>(reference)) ?? {};
      const entries = decodeEntries(secret);
      return buildClientRegistration(client, identityTenantSchema.parse(tenant), entries[bindingEntries.clientSecret]);
    }),
  );
  const strange = [...registered.keys()].filter(
    (id) => !left.has(id) && wanted.every(({ clientId }) => clientId !== id),
  );
  return [
    ...strange.map((id) => `auth knows the client ${id}, which is not there`),
    ...wanted
      .filter((client) => !isDeepStrictEqual(registered.get(client.clientId), client))
      .map(({ clientId }) => `auth knows the client ${clientId} otherwise than it is, or not at all`),
  ];
};
