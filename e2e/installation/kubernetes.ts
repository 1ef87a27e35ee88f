import { setTimeout as delay } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { createKubernetesClient, type KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import type { LiveObject } from '../../operator/runtime/kubernetes-object.ts';
import { builtInResources, type ObjectReference, type ResourceKind } from '../../operator/runtime/resource-kind.ts';
import { customResources } from '../../operator/tenant/custom-resources.ts';

const rbac = (kind: string, plural: string): ResourceKind => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind,
  plural,
  namespaced: false,
});

export const resources = {
  ...builtInResources,
  ...customResources,
  clusterRoles: rbac('ClusterRole', 'clusterroles'),
  clusterRoleBindings: rbac('ClusterRoleBinding', 'clusterrolebindings'),
} as const;

const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.exactOptional(z.string()) }),
});
export type ManifestObject = z.infer<typeof objectSchema>;

/** The objects of a YAML file. */
export const parseManifests = (text: string): ManifestObject[] =>
  parseAllDocuments(text).map((document) => objectSchema.parse(document.toJS()));

/** A client for a cluster, as `kubectl apply` would be: server-side apply under the name of whoever installs. */
export const openCluster = (kubeconfigPath: string): KubernetesClient => {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(kubeconfigPath);
  return createKubernetesClient(kubeConfig, {
    fieldManager: 'installation',
    userAgent: 'identity-operator-installation',
    maxInFlight: 16,
    resources: Object.values(resources),
  });
};

/** Waits until `holds`, looking twice a second; throws with the last thing seen when the deadline (ms) passes. */
export const waitFor = async <T>(
  what: string,
  deadlineMilliseconds: number,
  look: () => Promise<{ done: T } | { pending: string }>,
): Promise<T> => {
  const end = performance.now() + deadlineMilliseconds;
  for (;;) {
    const seen = await look().catch((error: unknown) => ({
      pending: error instanceof Error ? error.message : String(error),
    }));
    if ('done' in seen) return seen.done;
    if (performance.now() > end) throw new Error(`gave up waiting for ${what}: ${seen.pending}`);
    await delay(500);
  }
};

/** A condition's status, reason and message of a live object. */
export const readCondition = (object: LiveObject | undefined, type: string) => {
  const conditions = z
    .looseObject({
      status: z
        .looseObject({
          conditions: z
            .array(z.object({ type: z.string(), status: z.string(), reason: z.string(), message: z.string() }))
            .default([]),
        })
        .prefault({}),
    })
    .parse(object ?? {}).status.conditions;
  return conditions.find((condition) => condition.type === type);
};

/** Waits for a condition of an object to be True. */
export const waitForCondition = (
  client: KubernetesClient,
  reference: ObjectReference,
  type: string,
  deadlineMilliseconds: number,
): Promise<LiveObject> =>
  waitFor(`${reference.resource.kind} ${reference.name} to be ${type}`, deadlineMilliseconds, async () => {
    const object = await client.get(reference);
    const condition = readCondition(object, type);
    if (object !== undefined && condition?.status === 'True') return { done: object };
    return { pending: condition === undefined ? `no condition ${type}` : `${condition.reason}: ${condition.message}` };
  });
