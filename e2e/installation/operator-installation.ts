import { readdir, readFile } from 'node:fs/promises';
import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { IPod } from 'kubernetes-models/v1';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import type { LiveObject } from '../../operator/runtime/kubernetes-object.ts';
import { defaultRelease } from '../../tools/chart/chart.ts';
import { upgradeRelease } from '../../tools/chart/release.ts';
import { parseImageReference } from './image-reference.ts';
import { type ManifestObject, parseManifests, resources, waitFor, waitForCondition } from './kubernetes.ts';
import { decideRollout, findObstacle } from './rollout.ts';

/** Images to run instead of those that the manifests name. */
export type InstalledImages = { readonly identityOperator: string; readonly postgres: string };

/** The names that the manifests of this repository use. */
const placeholders = { identityOperator: 'identity-operator:0.1.0', postgres: 'postgres:18' } as const;

/** A manifest's text with the images that this cluster has. */
export const withImages = (text: string, images: InstalledImages): string =>
  text
    .replaceAll(placeholders.identityOperator, images.identityOperator)
    .replaceAll(placeholders.postgres, images.postgres);

export const applyAll = async (client: KubernetesClient, objects: readonly ManifestObject[]): Promise<void> => {
  for (const object of objects) await client.applyServerSide(object);
};

/** Waits until all pods of a Deployment are current and available; throws with what is missing, and why if a pod says so. */
export const waitForRollout = (
  client: KubernetesClient,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  { image, deadlineMilliseconds }: { readonly image: string | undefined; readonly deadlineMilliseconds: number },
): Promise<void> =>
  waitFor(`Deployment ${name}`, deadlineMilliseconds, async () => {
    const reference = { resource: resources.deployments, namespace, name };
    const deployment = await client.get<LiveObject & IDeployment>(reference);
    const rollout = decideRollout(deployment, image);
    if ('done' in rollout) return rollout;
    const labelSelector = Object.entries(deployment?.spec?.selector.matchLabels ?? {})
      .map((label) => label.join('='))
      .join(',');
    const { items } = await client.list<LiveObject & IPod>(resources.pods, { namespace, labelSelector });
    const obstacle = findObstacle(items);
    return { pending: obstacle === undefined ? rollout.pending : `${rollout.pending}; ${obstacle}` };
  });

/** What the chart calls release, namespace and Deployment where nobody says otherwise. */
const operator = { namespace: defaultRelease, name: defaultRelease } as const;

/** Helm makes no namespace that bears a label. */
const namespaceObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: operator.namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
};

const waitForDefinitions = async (client: KubernetesClient): Promise<void> => {
  for (const file of await readdir('crds')) {
    for (const { metadata } of parseManifests(await readFile(`crds/${file}`, 'utf8'))) {
      const definition = { resource: resources.customResourceDefinitions, name: metadata.name };
      await waitForCondition(client, definition, 'Established', 30_000);
    }
  }
};

/** A cluster, by its kubeconfig for Helm and by a client of the same. */
export type ClusterAccess = { readonly client: KubernetesClient; readonly kubeconfigPath: string };

/** Installs the chart, or upgrades what it installed before, and waits until CRDs and all replicas are there. */
export const installOperator = async (
  { client, kubeconfigPath }: ClusterAccess,
  images: InstalledImages,
): Promise<void> => {
  await applyAll(client, [namespaceObject]);
  const values = { image: parseImageReference(images.identityOperator), databaseImage: images.postgres };
  await upgradeRelease({ kubeconfigPath, ...operator, values });
  await waitForDefinitions(client);
  await waitForRollout(client, operator, { image: images.identityOperator, deadlineMilliseconds: 120_000 });
};
