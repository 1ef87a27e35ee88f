import { readFile } from 'node:fs/promises';
import type { IConfigMap, ISecret } from 'kubernetes-models/v1';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import type { LiveObject } from '../../operator/runtime/kubernetes-object.ts';
import { createDemoCertificates, type DemoCertificates } from './demo-certificates.ts';
import { type ManifestObject, parseManifests, resources, waitForCondition } from './kubernetes.ts';
import { applyAll, type InstalledImages, withImages } from './operator-installation.ts';

/** Names of the demo, as in `examples/`. */
export const demo = {
  namespace: 'demo',
  tenant: 'acme',
  issuer: 'https://acme.localhost:8443',
  audience: 'https://api.acme.example',
  /** In pods the issuer's host leads to the gateway's Service, on the same port. */
  dnsRewrite: { from: 'acme.localhost', to: 'acme-gateway.demo.svc.cluster.local' },
} as const;

const namespaceObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: demo.namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
};

const certificateObjects = ({ ca, certificate, privateKey }: DemoCertificates): ManifestObject[] => [
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'demo-ca', namespace: demo.namespace },
    data: { 'ca.crt': ca },
  } satisfies IConfigMap,
  {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { name: 'acme-gateway-tls', namespace: demo.namespace },
    data: {
      'tls.crt': Buffer.from(certificate).toString('base64'),
      'tls.key': Buffer.from(privateKey).toString('base64'),
    },
  } satisfies ISecret,
];

const readExample = async (name: string, images: InstalledImages): Promise<ManifestObject[]> =>
  parseManifests(withImages(await readFile(`examples/${name}.yaml`, 'utf8'), images));

/** PEM of the CA that the demo's certificate is signed by; an earlier run's is kept, so that open pages stay valid. */
const ensureCertificates = async (client: KubernetesClient): Promise<string> => {
  const present = await client.get<LiveObject & IConfigMap>({
    resource: resources.configMaps,
    namespace: demo.namespace,
    name: 'demo-ca',
  });
  if (present?.data?.['ca.crt'] !== undefined) return present.data['ca.crt'];
  const certificates = await createDemoCertificates([
    new URL(demo.issuer).hostname,
    `${demo.tenant}-gateway.${demo.namespace}.svc`,
  ]);
  await applyAll(client, certificateObjects(certificates));
  return certificates.ca;
};

/** What of the examples differs from file to cluster. */
export type DemoOptions = {
  readonly images: InstalledImages;
  readonly adapt?: (object: ManifestObject) => ManifestObject;
};

/** Applies the example tenant, its clients and services A, B and C. @returns the PEM of the demo's CA. */
export const applyDemo = async (
  client: KubernetesClient,
  { images, adapt = (object) => object }: DemoOptions,
): Promise<string> => {
  await applyAll(client, [namespaceObject]);
  const ca = await ensureCertificates(client);
  for (const example of ['tenant', 'client', 'services']) {
    await applyAll(client, (await readExample(example, images)).map(adapt));
  }
  return ca;
};

/** Waits until tenant, clients and services are ready. */
export const waitForDemo = async (client: KubernetesClient, deadlineMilliseconds = 300_000): Promise<void> => {
  const named = (resource: (typeof resources)[keyof typeof resources], name: string) => ({
    resource,
    namespace: demo.namespace,
    name,
  });
  await waitForCondition(client, named(resources.identityTenants, demo.tenant), 'Ready', deadlineMilliseconds);
  await waitForCondition(client, named(resources.identityClients, 'demo-app'), 'Ready', 60_000);
  await waitForCondition(client, named(resources.identityClients, 'demo-job'), 'Ready', 60_000);
  for (const name of ['service-a', 'service-b', 'service-c']) {
    await waitForCondition(client, named(resources.deployments, name), 'Available', 120_000);
  }
};

/** Issuer, client id and secret out of a client's Secret. */
export const readBinding = async (client: KubernetesClient, name: string) => {
  const secret = await client.get<LiveObject & ISecret>({
    resource: resources.secrets,
    namespace: demo.namespace,
    name,
  });
  const entry = (key: string) => Buffer.from(secret?.data?.[key] ?? '', 'base64').toString();
  return { issuer: entry('issuer'), clientId: entry('client-id'), clientSecret: entry('client-secret') };
};
