import type { IHTTPRoute } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1';
import type { IIngress } from 'kubernetes-models/networking.k8s.io/v1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Condition } from './api/conditions.ts';
import { apiVersion } from './api/group.ts';
import type { TenantStatus } from './api/tenant-status.ts';
import type { LiveObject } from './runtime/kubernetes-object.ts';
import { builtInResources, type ResourceKind } from './runtime/resource-kind.ts';
import { optionalResources } from './tenant/caches/optional-resources.ts';
import { customResources } from './tenant/custom-resources.ts';
import { installForeignDefinitions } from './testing/foreign-definitions.ts';
import { type OperatedCluster, startOperatedCluster } from './testing/operated-cluster.ts';
import type { TestCluster } from './testing/test-cluster.ts';

type Tenant = LiveObject & { readonly status?: TenantStatus };

const namespace = 'shop';
const within = { timeout: 30_000, interval: 50 };
const { identityTenants } = customResources;
const { configMaps, ingresses, secrets, services } = builtInResources;
const { backendTlsPolicies, httpRoutes, serviceMonitors } = optionalResources;

/** Tests go on where the one before has ended: a tenant whose ways to its customers change. */
describe('the ways to a tenant', { timeout: 120_000 }, () => {
  let operated: OperatedCluster;
  let cluster: TestCluster;

  beforeAll(async () => {
    operated = await startOperatedCluster();
    ({ cluster } = operated);
    await cluster.createNamespace(namespace);
  });
  afterAll(() => operated?.stop());

  const get = <T extends LiveObject>(resource: ResourceKind, name: string) =>
    cluster.client.get<T>({ resource, namespace, name });

  const applyTenant = (gateway: Record<string, unknown>) =>
    cluster.client.applyServerSide({
      apiVersion,
      kind: 'IdentityTenant',
      metadata: { name: 'acme', namespace },
      spec: { issuer: 'https://id.acme.example', gateway },
    });

  const expectCondition = (type: string, expected: Partial<Condition>) =>
    expect
      .poll(
        async () =>
          (await get<Tenant>(identityTenants, 'acme'))?.status?.conditions?.find(
            (condition) => condition.type === type,
          ),
        within,
      )
      .toMatchObject(expected);

  it('waits for the Gateway API when the cluster does not have it, and says so', async () => {
    await applyTenant({ exposure: { gatewayAPI: { parentRefs: [{ name: 'public' }] } } });
    await expectCondition('ReferencesResolved', {
      status: 'False',
      reason: 'KindNotServed',
      message: expect.stringContaining('install the Gateway API, 1.4 or newer, or choose another exposure'),
    });
    await expectCondition('Reconciling', { status: 'True', reason: 'KindNotServed' });
  });

  it('makes an HTTPRoute as soon as the cluster knows it', async () => {
    await installForeignDefinitions(cluster.client, 'gateways', 'httpRoutes', 'backendTLSPolicies');
    await expect
      .poll(() => get<LiveObject & IHTTPRoute>(httpRoutes, 'acme-gateway'), within)
      .toMatchObject({
        spec: {
          parentRefs: [{ name: 'public', kind: 'Gateway' }],
          hostnames: ['id.acme.example'],
          rules: [{ backendRefs: [{ name: 'acme-gateway', port: 80 }] }],
        },
      });
    await expectCondition('Ready', { status: 'True' });
    expect(await get(backendTlsPolicies, 'acme-gateway')).toBeUndefined();
  });

  it('has a Gateway verify the certificate of the gateway', async () => {
    await cluster.client.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'public-tls', namespace },
      stringData: { 'tls.crt': 'certificate', 'tls.key': 'key' },
    });
    const exposure = {
      gatewayAPI: { parentRefs: [{ name: 'public' }], backendCAConfigMapRef: { name: 'internal-ca' } },
    };
    await applyTenant({ tls: { secretName: 'public-tls' }, exposure });
    await expectCondition('ReferencesResolved', {
      status: 'False',
      reason: 'ConfigMapNotFound',
      message: expect.stringContaining('spec.gateway.exposure.gatewayAPI.backendCAConfigMapRef'),
    });
    await cluster.client.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'internal-ca', namespace },
      data: { 'ca.crt': 'certificate of a CA' },
    });
    await expect
      .poll(() => get(backendTlsPolicies, 'acme-gateway'), within)
      .toMatchObject({
        spec: {
          targetRefs: [{ kind: 'Service', name: 'acme-gateway', sectionName: 'https' }],
          validation: { hostname: 'id.acme.example', caCertificateRefs: [{ kind: 'ConfigMap', name: 'internal-ca' }] },
        },
      });
    await expect
      .poll(() => get<LiveObject & IHTTPRoute>(httpRoutes, 'acme-gateway'), within)
      .toMatchObject({ spec: { rules: [{ backendRefs: [{ port: 443 }] }] } });
  });

  it('repairs what somebody changes of the route, and makes it anew', async () => {
    await cluster.client.patchMerge(
      { resource: httpRoutes, namespace, name: 'acme-gateway' },
      { spec: { hostnames: ['evil.example'] } },
    );
    await expect
      .poll(() => get<LiveObject & IHTTPRoute>(httpRoutes, 'acme-gateway'), within)
      .toMatchObject({ spec: { hostnames: ['id.acme.example'] } });
    const before = await get(httpRoutes, 'acme-gateway');
    await cluster.client.delete({ resource: httpRoutes, namespace, name: 'acme-gateway' });
    await expect
      .poll(async () => (await get(httpRoutes, 'acme-gateway'))?.metadata.uid, within)
      .not.toBe(before?.metadata.uid);
  });

  it('goes from one way to the other, and leaves nothing of the first', async () => {
    await applyTenant({
      exposure: { ingress: { className: 'nginx', tlsSecretName: 'later', annotations: { 'example.com/a': 'b' } } },
    });
    await expect
      .poll(() => get<LiveObject & IIngress>(ingresses, 'acme-gateway'), within)
      .toMatchObject({
        metadata: { annotations: { 'example.com/a': 'b' } },
        spec: {
          ingressClassName: 'nginx',
          tls: [{ hosts: ['id.acme.example'], secretName: 'later' }],
          rules: [{ host: 'id.acme.example' }],
        },
      });
    for (const resource of [httpRoutes, backendTlsPolicies])
      await expect.poll(() => get(resource, 'acme-gateway'), within).toBeUndefined();

    await applyTenant({ exposure: { service: { type: 'NodePort', annotations: { 'example.com/a': 'b' } } } });
    await expect.poll(() => get(ingresses, 'acme-gateway'), within).toBeUndefined();
    await expect
      .poll(() => get(services, 'acme-gateway'), within)
      .toMatchObject({ spec: { type: 'NodePort' }, metadata: { annotations: { 'example.com/a': 'b' } } });
    await expectCondition('Ready', { status: 'True' });
    // What the tenant only names is not the operator's.
    expect(await get(secrets, 'public-tls')).toBeDefined();
    expect(await get(configMaps, 'internal-ca')).toBeDefined();
  });

  it('tells Prometheus where the metrics are when its operator comes later', async () => {
    expect(await get(services, 'acme-metrics')).toBeUndefined();
    await installForeignDefinitions(cluster.client, 'serviceMonitors');
    await expect
      .poll(() => get(serviceMonitors, 'acme-metrics'), within)
      .toMatchObject({
        spec: { endpoints: [{ port: 'probes', path: '/metrics' }] },
      });
    expect(await get(services, 'acme-metrics')).toBeDefined();
  });
});
