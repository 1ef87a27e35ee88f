import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { IPod } from 'kubernetes-models/v1';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { identityTenantSchema } from '../../operator/api/identity-tenant.ts';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import type { LiveObject } from '../../operator/runtime/kubernetes-object.ts';
import { demo } from '../installation/demo-installation.ts';
import { openCluster, readCondition, resources } from '../installation/kubernetes.ts';

let client: KubernetesClient;
beforeAll(() => {
  client = openCluster(inject('environment').kubeconfigPath);
});
afterAll(() => client?.close());

const readTenant = async () =>
  client.get({ resource: resources.identityTenants, namespace: demo.namespace, name: demo.tenant });

describe('a tenant that is Ready', () => {
  it('says so in conditions that an SRE and a GitOps pipeline read', async () => {
    const tenant = await readTenant();
    for (const type of [
      'Ready',
      'ReferencesResolved',
      'DatabaseReady',
      'TokenStoreAvailable',
      'AuthAvailable',
      'GatewayAvailable',
      'ZoneRedundant',
    ]) {
      expect(readCondition(tenant, type), type).toMatchObject({
        status: 'True',
        reason: expect.stringMatching(/^[A-Z]\w+$/),
      });
    }
    expect(readCondition(tenant, 'Reconciling')).toBeUndefined();
    expect(readCondition(tenant, 'Stalled')).toBeUndefined();
    const { status, metadata } = identityTenantSchema.parse(tenant);
    expect(status.observedGeneration).toBe(metadata.generation);
    expect(status.zones).toBe('3/3');
    expect(status.keys).toEqual([expect.objectContaining({ state: 'Active', algorithm: 'ES256' })]);
  });

  it.each(['gateway', 'auth', 'token-store'])('runs %s once in each zone', async (component) => {
    const { items } = await client.list<LiveObject & IPod>(resources.pods, {
      namespace: demo.namespace,
      labelSelector: `app.kubernetes.io/instance=${demo.tenant},app.kubernetes.io/component=${component}`,
    });
    const nodes = items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ spec }) => spec?.nodeName);
    expect(new Set(nodes).size).toBe(3);
    expect(nodes).toHaveLength(3);
  });

  it('keeps replicas under a field manager of their own', async () => {
    const deployment = await client.get<LiveObject & IDeployment>({
      resource: resources.deployments,
      namespace: demo.namespace,
      name: `${demo.tenant}-auth`,
    });
    const applied = (deployment?.metadata.managedFields ?? []).filter(
      ({ operation, fieldsV1 }) => operation === 'Apply' && JSON.stringify(fieldsV1).includes('"f:replicas":{}'),
    );
    expect(applied.map(({ manager }) => manager)).not.toContain('identity-operator');
  });
});
