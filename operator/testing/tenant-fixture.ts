import { expect } from 'vitest';
import type { Condition } from '../api/conditions.ts';
import { apiVersion } from '../api/group.ts';
import type { TenantStatus } from '../api/tenant-status.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import type { ResourceKind } from '../runtime/resource-kind.ts';
import { customResources } from '../tenant/custom-resources.ts';
import type { TestCluster } from './test-cluster.ts';

/** A tenant as the API server answers it. */
export type LiveTenant = LiveObject & { readonly spec: Record<string, unknown>; readonly status?: TenantStatus };

/** `namespace`, and `acme` unless another name is said. */
export type TenantName = { readonly namespace: string; readonly name?: string };

const within = { timeout: 60_000, interval: 50 };

/** What tests do with tenants of a cluster, as their users would. */
export const createTenantFixture = ({ client, createNamespace }: TestCluster) => {
  const resource = customResources.identityTenants;

  const get = <T extends LiveObject>(kind: ResourceKind, namespace: string, name: string) =>
    client.get<T>({ resource: kind, namespace, name });

  const list = async <T extends LiveObject>(kind: ResourceKind, namespace: string) =>
    (await client.list<T>(kind, { namespace })).items;

  const getTenant = ({ namespace, name = 'acme' }: TenantName) => get<LiveTenant>(resource, namespace, name);

  const createTenant = ({ namespace, name = 'acme' }: TenantName, spec: Record<string, unknown> = {}) =>
    client.create<LiveTenant>({
      apiVersion,
      kind: 'IdentityTenant',
      metadata: { name, namespace },
      spec: { issuer: `https://${name}.${namespace}.example`, ...spec },
    });

  const expectCondition = (tenant: TenantName, type: string, expected: Partial<Condition>) =>
    expect
      .poll(async () => (await getTenant(tenant))?.status?.conditions?.find((one) => one.type === type), within)
      .toMatchObject(expected);

  const expectReady = (tenant: TenantName) => expectCondition(tenant, 'Ready', { status: 'True' });

  return {
    get,
    list,
    getTenant,
    createTenant,
    expectCondition,
    expectReady,
    /** A tenant that has become Ready in a namespace of its own. */
    createReadyTenant: async (tenant: TenantName, spec: Record<string, unknown> = {}): Promise<LiveTenant> => {
      await createNamespace(tenant.namespace);
      const created = await createTenant(tenant, spec);
      await expectReady(tenant);
      return created;
    },
    patchSpec: ({ namespace, name = 'acme' }: TenantName, spec: Record<string, unknown>) =>
      client.patchMerge<LiveTenant>({ resource, namespace, name }, { spec }),
    deleteTenant: ({ namespace, name = 'acme' }: TenantName) => client.delete({ resource, namespace, name }),
  };
};
