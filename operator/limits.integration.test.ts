import type { IDeployment } from 'kubernetes-models/apps/v1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitUntil } from '../e2e/cluster/wait.ts';
import type { Condition } from './api/conditions.ts';
import { apiVersion } from './api/group.ts';
import type { LiveObject } from './runtime/kubernetes-object.ts';
import { builtInResources } from './runtime/resource-kind.ts';
import { customResources } from './tenant/custom-resources.ts';
import type { TenantLimits } from './tenant/references/tenant-admission.ts';
import { type KubeletStandIn, startKubeletStandIn } from './testing/kubelet-stand-in.ts';
import { installOperatorAccount } from './testing/operator-account.ts';
import { type RunningOperator, startOperator } from './testing/running-operator.ts';
import { startTestCluster, type TestCluster } from './testing/test-cluster.ts';

type Tenant = LiveObject & { readonly status?: { readonly conditions?: readonly Condition[] } };

const { identityTenants } = customResources;
const { deployments } = builtInResources;
const limits: TenantLimits = {
  registries: ['registry.example.com/identity'],
  priorityClasses: ['identity'],
  issuers: { issuer: ['https://*.allowed.example'], '*': ['https://*'] },
};

describe('what an installation forbids', { timeout: 120_000 }, () => {
  let cluster: TestCluster;
  let kubelets: KubeletStandIn;
  let account: { readonly kubeconfig: string };
  let operator: RunningOperator;

  const startLeader = async (identity: string, allowed: TenantLimits): Promise<RunningOperator> => {
    const release = { version: '0.1.0', image: 'identity-operator:0.1.0', databaseImage: 'postgres:18' };
    const started = startOperator(account, 'identity-operator', identity, { release: { ...release, limits: allowed } });
    await waitUntil(`${identity} to lead`, 30_000, async () => started.isLeading());
    return started;
  };

  beforeAll(async () => {
    cluster = await startTestCluster();
    kubelets = await startKubeletStandIn(cluster.client);
    account = await installOperatorAccount(cluster.plane);
    operator = await startLeader('narrow', limits);
  });
  afterAll(async () => {
    await operator?.stop();
    await kubelets?.stop();
    await cluster?.stop();
  });

  const tenantIn = (namespace: string) => ({ resource: identityTenants, namespace, name: 'acme' });

  /** Waits until a condition of the tenant is so, of the spec that it has now. */
  const expectCondition = (namespace: string, type: string, expected: Partial<Condition>) =>
    expect
      .poll(
        async () => {
          const tenant = await cluster.client.get<Tenant>(tenantIn(namespace));
          return tenant?.status?.conditions?.find(
            (one) => one.type === type && one.observedGeneration === tenant.metadata.generation,
          );
        },
        { timeout: 30_000, interval: 50 },
      )
      .toMatchObject(expected);

  const createTenant = async (namespace: string, spec: Record<string, unknown> = {}): Promise<void> => {
    await cluster.createNamespace(namespace);
    const metadata = { name: 'acme', namespace };
    const issuer = `https://id.${namespace}.example`;
    await cluster.client.create({ apiVersion, kind: 'IdentityTenant', metadata, spec: { issuer, ...spec } });
  };
  const changeTenant = (namespace: string, spec: Record<string, unknown>) =>
    cluster.client.patchMerge(tenantIn(namespace), { spec });

  const runningImages = async (namespace: string) => {
    const { items } = await cluster.client.list<LiveObject & IDeployment>(deployments, { namespace });
    return [...new Set(items.map(({ spec }) => spec?.template.spec?.containers[0]?.image))];
  };

  it('an image of a strange registry; what ran before goes on, until the image is another', async () => {
    const namespace = 'image';
    await createTenant(namespace);
    await expectCondition(namespace, 'Ready', { status: 'True' });
    await changeTenant(namespace, { version: '0.1.0', image: 'registry.evil.example/identity:0.1.0' });
    const verdict = {
      reason: 'ImageNotAllowed',
      message:
        'spec.image "registry.evil.example/identity:0.1.0" is from none of the registries that are allowed here (registry.example.com/identity); change spec.image, or ask who runs the operator to add it to allowedRegistries',
    };
    await expectCondition(namespace, 'Stalled', { status: 'True', ...verdict });
    await expectCondition(namespace, 'Ready', { status: 'False', ...verdict });
    expect(await runningImages(namespace)).toEqual(['identity-operator:0.1.0']);

    await changeTenant(namespace, { image: 'registry.example.com/identity:0.1.0' });
    await expectCondition(namespace, 'Ready', { status: 'True' });
    expect(await runningImages(namespace)).toEqual(['registry.example.com/identity:0.1.0']);
  });

  it('a priority class; the tenant is made without it', async () => {
    const namespace = 'priority';
    await createTenant(namespace, { gateway: { priorityClassName: 'system-node-critical' } });
    await expectCondition(namespace, 'Stalled', {
      reason: 'PriorityClassNotAllowed',
      message:
        'spec.gateway.priorityClassName "system-node-critical" is none of the priority classes that are allowed here (identity); change spec.gateway.priorityClassName, or ask who runs the operator to add it to allowedPriorityClasses',
    });
    expect(await runningImages(namespace)).toEqual([]);
    await changeTenant(namespace, { gateway: { priorityClassName: null } });
    await expectCondition(namespace, 'Ready', { status: 'True' });
  });

  it('an issuer in a namespace; the tenant is made when the installation allows it', async () => {
    const namespace = 'issuer';
    await createTenant(namespace);
    await expectCondition(namespace, 'Stalled', {
      reason: 'IssuerNotAllowed',
      message:
        'the issuer https://id.issuer.example is not allowed in the namespace "issuer" (https://*.allowed.example is); make the tenant anew with another issuer or elsewhere, or ask who runs the operator to add it to allowedIssuers',
    });
    expect(await runningImages(namespace)).toEqual([]);
    await operator.stop();
    operator = await startLeader('wide', { ...limits, issuers: { issuer: ['https://id.issuer.example'], '*': [] } });
    await expectCondition(namespace, 'Ready', { status: 'True' });
  });
});
