import { labels } from '../../operator/api/group.ts';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import type { DesiredObject, LiveObject } from '../../operator/runtime/kubernetes-object.ts';
import { builtInResources } from '../../operator/runtime/resource-kind.ts';
import { ownedKinds } from '../../operator/tenant/caches/tenant-caches.ts';
import { startTestCluster } from '../../operator/testing/test-cluster.ts';
import { type FleetTenant, forEach, nameFleet } from './fleet.ts';

/** Everything of one tenant, as somebody else would create it in another cluster. */
export const readTenantObjects = async (client: KubernetesClient, tenant: FleetTenant): Promise<DesiredObject[]> => {
  const selection = { namespace: tenant.namespace, labelSelector: `${labels.instance}=${tenant.name}` };
  const pages = await Promise.all(
    [...ownedKinds, builtInResources.secrets].map((resource) => client.list<LiveObject>(resource, selection)),
  );
  return pages
    .flatMap(({ items }) => items)
    .map(({ metadata: { name, namespace, labels, annotations, ownerReferences }, ...object }) => {
      const { status: _reported, ...desired } = object as typeof object & { status?: unknown };
      return { ...desired, metadata: { name, namespace, labels, annotations, ownerReferences } } as DesiredObject;
    })
    .map(withoutAssigned);
};

/** What the API server gives to one object and takes for no other: a Service's addresses, a Job's selector. */
const withoutAssigned = (object: DesiredObject): DesiredObject => {
  const { spec } = object as DesiredObject & { spec?: Record<string, unknown> };
  if (object.kind === 'Service') {
    const { clusterIP, clusterIPs: _given, ...rest } = spec ?? {};
    return { ...object, spec: clusterIP === 'None' ? { ...rest, clusterIP } : rest };
  }
  if (object.kind === 'Job') {
    const { selector: _generated, ...rest } = spec ?? {};
    // Labels of the template: `batch.kubernetes.io/controller-uid`, `job-name` and their old forms.
    const text = JSON.stringify(rest).replaceAll(/"[^"]*(?:controller-uid|job-name)":"[^"]*",?/g, '');
    return { ...object, spec: JSON.parse(text.replaceAll(',}', '}')) };
  }
  return object;
};

/**
 * Creates `objects`, which are of `tenant`, `count` times under other names, by a bare client at an API server of its
 * own: no operator can be faster on this machine.
 * @returns seconds.
 */
export const measureCreateFloor = async (
  objects: readonly DesiredObject[],
  tenant: FleetTenant,
  count: number,
): Promise<number> => {
  const cluster = await startTestCluster({ controllerManager: false });
  try {
    const text = JSON.stringify(objects);
    const fleet = nameFleet('floor', count);
    const namespaces = [...new Set(fleet.map(({ namespace }) => namespace))];
    await forEach(namespaces, (name) =>
      cluster.client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }),
    );
    const startedAt = performance.now();
    const create = async ({ namespace, name }: FleetTenant) => {
      const renamed = text.replaceAll(`"${tenant.namespace}"`, `"${namespace}"`).replaceAll(tenant.name, name);
      // A copy of what was read.
      for (const object of JSON.parse(renamed) as DesiredObject[]) await cluster.client.create(object);
    };
    await forEach(fleet, create, 16);
    return (performance.now() - startedAt) / 1_000;
  } finally {
    await cluster.stop();
  }
};
