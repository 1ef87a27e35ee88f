import { apiVersion } from '../../api/group.ts';
import { customResources } from '../../tenant/custom-resources.ts';
import type { World } from '../world.ts';

/** One thing that a user does to a tenant, and what it leads to. */
export type LifeStep = {
  readonly name: string;
  readonly act: (world: World) => Promise<void>;
  /** `ready`: the tenant is Ready again. `gone`: it, and all that goes with it, is no more. */
  readonly leadsTo: 'ready' | 'gone';
};

export const tenantName = 'acme';

/** Creates the tenant that a world is about. */
export const createTenant = async (
  { cluster, namespace }: World,
  spec: Readonly<Record<string, unknown>>,
  annotations: Readonly<Record<string, string>> = {},
): Promise<void> => {
  const metadata = { name: tenantName, namespace, annotations };
  await cluster.client.create({ apiVersion, kind: 'IdentityTenant', metadata, spec });
};

/** The tenant that a world is about. */
export const tenantOf = ({ namespace }: World) => ({
  resource: customResources.identityTenants,
  namespace,
  name: tenantName,
});

const create = (name: string, spec: Record<string, unknown>): LifeStep => ({
  name,
  act: (world) => createTenant(world, spec),
  leadsTo: 'ready',
});

const change = (name: string, spec: Record<string, unknown>): LifeStep => ({
  name,
  act: async (world) => {
    await world.cluster.client.patchMerge(tenantOf(world), { spec });
  },
  leadsTo: 'ready',
});

const remove = (name: string): LifeStep => ({
  name,
  act: async (world) => {
    await world.cluster.client.delete(tenantOf(world));
  },
  leadsTo: 'gone',
});

const onePodEach = { gateway: { replicas: 1 }, auth: { replicas: 1 }, tokenStore: { replicas: 1 } };

/**
 * A tenant's whole life: made, changed so that pods roll, so that objects are pruned and come back, deleted with its keys
 * kept, made again as their heir, and deleted with everything.
 */
export const tenantLife: readonly LifeStep[] = [
  create('create', { issuer: 'https://id.acme.example', deletionPolicy: 'Delete', ...onePodEach }),
  change('roll', { tokens: { accessTokenTTL: '7m' }, tokenStore: { replicas: 2 }, gateway: { logLevel: 'debug' } }),
  change('prune', { availability: { mode: 'Single' } }),
  change('restore', { availability: { mode: 'HighlyAvailable' } }),
  change('retain', { deletionPolicy: 'Retain' }),
  remove('delete, Retain'),
  create('inherit', { issuer: 'https://id.acme.example', deletionPolicy: 'Delete', ...onePodEach }),
  remove('delete, Delete'),
];
