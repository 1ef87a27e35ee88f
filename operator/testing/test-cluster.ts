import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { waitUntil } from '../../e2e/cluster/wait.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import { hasReason } from '../runtime/kubernetes-error.ts';
import type { DesiredObject } from '../runtime/kubernetes-object.ts';
import { connectClient } from '../runtime/testing/connect.ts';
import { optionalResources } from '../tenant/caches/optional-resources.ts';
import { customResources } from '../tenant/custom-resources.ts';
import { type ControlPlaneOptions, startControlPlane, type TestControlPlane } from './control-plane.ts';
import { webhookConfigurations } from './mutating-webhook.ts';

/** `pods/binding` is no object that has a kind of its own to read; this collection is how a scheduler writes it. */
export const bindings = { apiVersion: 'v1', kind: 'Binding', plural: 'bindings', namespaced: true } as const;

export const resourceQuotas = {
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  namespaced: true,
} as const;

/** What a provisioner of volumes deals with. */
const storageKinds = [
  { apiVersion: 'v1', kind: 'PersistentVolume', plural: 'persistentvolumes', namespaced: false },
  { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', plural: 'storageclasses', namespaced: false },
] as const;

/** A real API with our custom resources, before any operator. */
export type TestCluster = {
  readonly plane: TestControlPlane;
  /** What a user with all rights would do; field manager `test`. */
  readonly client: KubernetesClient;
  /** Makes a namespace that takes no pods but those of Pod Security `restricted`, and waits until pods can be made. */
  readonly createNamespace: (name: string) => Promise<string>;
  readonly stop: () => Promise<void>;
};

const definitionsDirectory = path.join(import.meta.dirname, '../../crds');

/** Applies `crds/` as `kubectl apply -f crds/` does, and waits until the API server serves them. */
const applyCustomResourceDefinitions = async (client: KubernetesClient): Promise<void> => {
  for (const file of await readdir(definitionsDirectory)) {
    // Whether the file holds a CustomResourceDefinition is what the API server decides here.
    const definition = parse(await readFile(path.join(definitionsDirectory, file), 'utf8')) as DesiredObject;
    await client.applyServerSide(definition);
  }
  for (const resource of Object.values(customResources)) {
    await waitUntil(`${resource.plural} to be served`, 20_000, () => client.isServed(resource));
    // Discovery may run ahead of the handler by a moment.
    await waitUntil(`${resource.plural} to be listed`, 20_000, async () => {
      await client.list(resource);
      return true;
    });
  }
};

export const startTestCluster = async (options: Omit<ControlPlaneOptions, 'nodes'> = {}): Promise<TestCluster> => {
  const plane = await startControlPlane({ ...options, nodes: false });
  const client = connectClient(plane, {
    fieldManager: 'test',
    userAgent: 'test',
    resources: [
      ...Object.values(customResources),
      ...Object.values(optionalResources),
      bindings,
      resourceQuotas,
      ...storageKinds,
      webhookConfigurations,
    ],
  });
  const stop = async () => {
    await client.close();
    await plane.stop();
  };
  try {
    await applyCustomResourceDefinitions(client);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    plane,
    client,
    createNamespace: async (name) => {
      const profile = 'restricted';
      // warn: of what makes pods, too.
      const labels = { 'pod-security.kubernetes.io/enforce': profile, 'pod-security.kubernetes.io/warn': profile };
      await client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
      return name;
    },
    stop,
  };
};

/** What the API server says about what it refuses as invalid; undefined when it accepts the write. */
export const refusalOf = async (write: Promise<unknown>): Promise<string | undefined> => {
  try {
    await write;
    return undefined;
  } catch (error) {
    if (hasReason(error, 'Invalid')) return error.message;
    throw error;
  }
};
