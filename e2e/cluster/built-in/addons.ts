import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { KubernetesObject } from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';
import { buildCorefile, type DnsRewrite } from '../dns.ts';
import type { ClusterPlan, NodePlan } from './plan.ts';

/** The label of the cluster's own volumes; its value is the node that holds them. The recycler goes by it. */
export const volumeLabel = 'local-volume/node';

/** The folder of a node's volumes, inside the node. */
export const volumesDirectory = '/run/node/volumes';

const volumesPerNode = 6;

/** The names of a node's volumes, which are the names of their folders too. */
export const volumeNames = (node: NodePlan): readonly string[] =>
  Array.from({ length: volumesPerNode }, (_, i) => `${node.name}-volume-${i + 1}`);

/**
 * The default StorageClass: a claim waits for its pod and binds to a volume of the node that the pod is scheduled to,
 * so the data stays in one zone, as a cloud's zonal disks do.
 */
export const buildStorageClass = () => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'local', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: 'kubernetes.io/no-provisioner',
  volumeBindingMode: 'WaitForFirstConsumer',
});

/** A node's volumes. The capacity is a promise only: all are folders on the machine's disk. */
export const buildVolumes = (node: NodePlan) =>
  volumeNames(node).map((name) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, labels: { [volumeLabel]: node.name, 'topology.kubernetes.io/zone': node.zone } },
    spec: {
      capacity: { storage: '10Gi' },
      accessModes: ['ReadWriteOnce'],
      // Kubernetes can delete no local volume; the recycler empties released ones and offers them again.
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: 'local',
      local: { path: path.posix.join(volumesDirectory, name) },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node.name] }] },
          ],
        },
      },
    },
  }));

/** All that is applied to a new cluster before it counts as up. */
export const buildAddons = async (
  plan: ClusterPlan,
  rewrites: readonly DnsRewrite[],
): Promise<readonly KubernetesObject[]> => {
  const text = await readFile(path.join(import.meta.dirname, 'addons.yaml'), 'utf8');
  const documents = parseAllDocuments(text.replace('DNS-ADDRESS', plan.dnsAddress));
  return [
    ...documents.map((document) => document.toJS()),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'coredns', namespace: 'kube-system' },
      data: { Corefile: buildCorefile(rewrites) },
    },
    buildStorageClass(),
    ...plan.nodes.flatMap(buildVolumes),
  ];
};
