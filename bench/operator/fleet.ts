import { apiVersion, labels } from '../../operator/api/group.ts';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import { builtInResources } from '../../operator/runtime/resource-kind.ts';
import { customResources } from '../../operator/tenant/custom-resources.ts';

/** A tenant of the fleet, by name. */
export type FleetTenant = { readonly namespace: string; readonly name: string };

const tenantsPerNamespace = 10;

/** Names of `count` tenants, ten to a namespace. */
export const nameFleet = (prefix: string, count: number): FleetTenant[] =>
  Array.from({ length: count }, (_, index) => ({
    namespace: `${prefix}s-${Math.floor(index / tenantsPerNamespace)}`,
    name: `${prefix}-${index}`,
  }));

/** Calls `task` for each item, a few at a time: as fast as the API server goes, and no queue in this process. */
export const forEach = async <T>(items: readonly T[], task: (item: T) => Promise<unknown>, atATime = 8) => {
  const rest = items.values();
  const work = async () => {
    for (const item of rest) await task(item);
  };
  await Promise.all(Array.from({ length: atATime }, work));
};

const databaseSecret = ({ name }: FleetTenant) => `${name}-db`;

/** The Secret that a tenant's spec names. */
export const createDatabaseSecret = (client: KubernetesClient, tenant: FleetTenant) =>
  client.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: databaseSecret(tenant), namespace: tenant.namespace },
    stringData: { url: `postgres://owner:secret@db.example.com:5432/${tenant.name}?sslmode=verify-full` },
  });

export const deleteDatabaseSecret = (client: KubernetesClient, tenant: FleetTenant) =>
  client.delete({ resource: builtInResources.secrets, namespace: tenant.namespace, name: databaseSecret(tenant) });

/** What a fleet needs before its tenants come: namespaces and the Secrets of the users' databases. */
export const prepareFleet = async (client: KubernetesClient, fleet: readonly FleetTenant[]): Promise<void> => {
  const namespaces = [...new Set(fleet.map(({ namespace }) => namespace))];
  await forEach(namespaces, (name) => client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
  await forEach(fleet, (tenant) => createDatabaseSecret(client, tenant));
};

/** The tenant as its user writes it: a database of the user's own, and a route. */
export const buildFleetTenant = (tenant: FleetTenant) => ({
  apiVersion,
  kind: 'IdentityTenant',
  metadata: { ...tenant },
  spec: {
    issuer: `https://${tenant.name}.example.com`,
    database: { connection: { secretRef: { name: databaseSecret(tenant) } } },
    gateway: { routes: [{ name: 'shop', match: { pathPrefix: '/' }, upstream: { service: 'shop', port: 8080 } }] },
  },
});

export const createTenant = (client: KubernetesClient, tenant: FleetTenant) => client.create(buildFleetTenant(tenant));

const tenantReference = (tenant: FleetTenant) => ({ resource: customResources.identityTenants, ...tenant });

export const deleteTenant = (client: KubernetesClient, tenant: FleetTenant) => client.delete(tenantReference(tenant));

/** Changes what concerns nobody: the operator looks at the tenant and finds nothing to do. */
export const touchTenant = (client: KubernetesClient, tenant: FleetTenant, value: string) =>
  client.patchMerge(tenantReference(tenant), { metadata: { annotations: { 'bench/touched': value } } });

/** Changes one field that ends up in one object: the ConfigMap of the token-store's live settings. */
export const setLogLevel = (client: KubernetesClient, tenant: FleetTenant, logLevel: string) =>
  client.patchMerge(tenantReference(tenant), { spec: { tokenStore: { logLevel } } });

/** The ConfigMap that {@link setLogLevel} changes. */
export const liveSettingsName = ({ name }: FleetTenant) => `${name}-token-store-live`;

/** Told by this label of their own, so that they are seen beside the operator's objects and are none of those. */
const bareLabels = { [labels.component]: 'token-store' } as const;
const bareManager = { fieldManager: 'bench' } as const;

/** An object that no operator knows, for {@link changeBare}; its name is that of the tenant it stands for. */
export const buildBareObject = (tenant: FleetTenant, text: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: tenant.namespace, name: bareName(tenant), labels: bareLabels },
  data: { 'live.json': text },
});

export const bareName = ({ name }: FleetTenant) => `${name}-bare`;

/**
 * What the API server is asked for when {@link setLogLevel} changes an object for the first time, one after the other, by nobody but
 * this client: the user's change; two reads at once; the taking of the fields; the apply.
 */
export const changeBare = async (client: KubernetesClient, tenant: FleetTenant, text: string): Promise<void> => {
  const { namespace } = tenant;
  const reference = { resource: builtInResources.configMaps, namespace, name: bareName(tenant) };
  const annotate = (name: string) =>
    client.patchMerge(reference, { metadata: { annotations: { [`bench/${name}`]: text } } });
  await annotate('wish');
  await Promise.all([client.get(tenantReference(tenant)), client.get(reference)]);
  await annotate('taken');
  await client.applyServerSide(buildBareObject(tenant, text), bareManager);
};

export const setDeletionPolicy = (client: KubernetesClient, tenant: FleetTenant, deletionPolicy: 'Delete' | 'Retain') =>
  client.patchMerge(tenantReference(tenant), { spec: { deletionPolicy } });
