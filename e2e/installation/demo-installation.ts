import { readFile } from 'node:fs/promises';
import type { IConfigMap, ISecret } from 'kubernetes-models/v1';
import { z } from 'zod';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import type { LiveObject } from '../../operator/runtime/kubernetes-object.ts';
import { createDemoCertificates, type DemoCertificates } from './demo-certificates.ts';
import {
  type ManifestObject,
  parseManifests,
  readCondition,
  resources,
  waitFor,
  waitForCondition,
} from './kubernetes.ts';
import { applyAll, type InstalledImages, waitForRollout, withImages } from './operator-installation.ts';

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

/** What to wait for, and how long. */
export type DemoExpectation = {
  /** What the pods shall run: after a change of images, those of before are ready too. Left out: any. */
  readonly images?: InstalledImages;
  readonly deadlineMilliseconds?: number;
};

const named = (resource: (typeof resources)[keyof typeof resources], name: string) => ({
  resource,
  namespace: demo.namespace,
  name,
});

const observedGenerationSchema = z.looseObject({
  status: z.looseObject({ observedGeneration: z.int().optional() }).prefault({}),
});

/** Ready is said of a generation: an older one's says nothing of what was applied since. */
const waitForTenant = (client: KubernetesClient, deadlineMilliseconds: number): Promise<LiveObject> =>
  waitFor(`IdentityTenant ${demo.tenant} to be Ready`, deadlineMilliseconds, async () => {
    const tenant = await client.get(named(resources.identityTenants, demo.tenant));
    const ready = readCondition(tenant, 'Ready');
    if (tenant === undefined || ready === undefined) return { pending: 'the operator has not looked at it yet' };
    const { observedGeneration } = observedGenerationSchema.parse(tenant).status;
    if (observedGeneration !== tenant.metadata.generation)
      return { pending: 'the operator has not seen its change yet' };
    return ready.status === 'True' ? { done: tenant } : { pending: `${ready.reason}: ${ready.message}` };
  });

/**
 * Waits until tenant, clients and services are ready, with what was applied last.
 * @returns the tenant
 */
export const waitForDemo = async (client: KubernetesClient, expectation: DemoExpectation = {}): Promise<LiveObject> => {
  const { images, deadlineMilliseconds = 300_000 } = expectation;
  const rollOut = (name: string): Promise<void> =>
    waitForRollout(
      client,
      { namespace: demo.namespace, name },
      { image: images?.identityOperator, deadlineMilliseconds },
    );
  // First the tenant, whose message says what is wrong where a Deployment is only not there.
  await waitForTenant(client, deadlineMilliseconds);
  for (const service of ['token-store', 'auth', 'gateway']) {
    await rollOut(`${demo.tenant}-${service}`);
  }
  await waitForCondition(client, named(resources.identityClients, 'demo-app'), 'Ready', 60_000);
  await waitForCondition(client, named(resources.identityClients, 'demo-job'), 'Ready', 60_000);
  for (const name of ['service-a', 'service-b', 'service-c']) await rollOut(name);
  // Again: what the tenant says of itself shall be of after the rollout.
  return waitForTenant(client, deadlineMilliseconds);
};

/**
 * Removes the demo's tenant, then everything else of the demo; operator and CRDs stay.
 * The tenant goes first and by itself: its operator removes what it made.
 */
export const removeDemo = async (client: KubernetesClient): Promise<void> => {
  const namespace = { resource: resources.namespaces, name: demo.namespace };
  const tenant = named(resources.identityTenants, demo.tenant);
  for (const reference of [tenant, namespace]) {
    await client.delete(reference);
    await waitFor(`the end of ${reference.resource.kind} ${reference.name}`, 120_000, async () =>
      (await client.get(reference)) === undefined ? { done: undefined } : { pending: 'it is still there' },
    );
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
