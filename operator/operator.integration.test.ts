import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { IEvent, ISecret, IService } from 'kubernetes-models/v1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitUntil } from '../e2e/cluster/wait.ts';
import { createCertificateAuthority } from '../services/shared/testing/certificate-authority.ts';
import type { Condition } from './api/conditions.ts';
import { apiVersion, labels } from './api/group.ts';
import type { ClientStatus } from './api/identity-client.ts';
import type { TenantStatus } from './api/tenant-status.ts';
import type { LiveObject } from './runtime/kubernetes-object.ts';
import { builtInResources, type ResourceKind } from './runtime/resource-kind.ts';
import { decodeEntries } from './tenant/caches/object-projections.ts';
import { ownedKinds } from './tenant/caches/tenant-caches.ts';
import { customResources } from './tenant/custom-resources.ts';
import { startAuthStandIn } from './testing/auth-stand-in.ts';
import { type KubeletStandIn, startKubeletStandIn } from './testing/kubelet-stand-in.ts';
import { startMutatingWebhook } from './testing/mutating-webhook.ts';
import { installOperatorAccount } from './testing/operator-account.ts';
import { type RunningOperator, startOperator } from './testing/running-operator.ts';
import { resourceQuotas, startTestCluster, type TestCluster } from './testing/test-cluster.ts';

type Tenant = LiveObject & { readonly spec: Record<string, unknown>; readonly status?: TenantStatus };
type Client = LiveObject & { readonly status?: ClientStatus };
type Deployment = LiveObject & IDeployment;
type Secret = LiveObject & ISecret;

const { identityTenants, identityClients } = customResources;
const { deployments, jobs, persistentVolumeClaims, podDisruptionBudgets, secrets, services, statefulSets } =
  builtInResources;

const operatorNamespace = 'identity-operator';
/** An issuer belongs to one tenant; each has a namespace of its own here. */
const issuerIn = (namespace: string): string => `https://id.${namespace}.example`;
const serviceComponents = ['auth', 'gateway', 'token-store'];
const retainedNames = [
  'acme-cookie-keys',
  'acme-data-encryption-keys',
  'acme-database-credentials',
  'acme-pairwise-salt',
  'acme-signing-keys',
];
const within = { timeout: 30_000, interval: 50 };
/** Garbage collection learns of new kinds every half minute only. */
const collected = { timeout: 60_000, interval: 100 };

describe('the operator at a real API server', { timeout: 120_000 }, () => {
  let cluster: TestCluster;
  let kubelets: KubeletStandIn;
  let account: { readonly kubeconfig: string };
  let operator: RunningOperator;

  const startLeader = async (identity: string): Promise<RunningOperator> => {
    const started = startOperator(account, operatorNamespace, identity);
    await waitUntil(`${identity} to lead`, 30_000, async () => started.isLeading());
    return started;
  };

  beforeAll(async () => {
    cluster = await startTestCluster();
    kubelets = await startKubeletStandIn(cluster.client);
    account = await installOperatorAccount(cluster.plane);
    operator = await startLeader('operator-1');
  });
  afterAll(async () => {
    await operator?.stop();
    await kubelets?.stop();
    await cluster?.stop();
  });

  const get = <T extends LiveObject>(resource: ResourceKind, namespace: string, name: string) =>
    cluster.client.get<T>({ resource, namespace, name });

  const list = async <T extends LiveObject>(resource: ResourceKind, namespace: string) =>
    (await cluster.client.list<T>(resource, { namespace })).items;

  const names = async (resource: ResourceKind, namespace: string) =>
    (await list(resource, namespace)).map(({ metadata }) => metadata.name).sort();

  const createTenant = (namespace: string, spec: Record<string, unknown> = {}) =>
    cluster.client.create<Tenant>({
      apiVersion,
      kind: 'IdentityTenant',
      metadata: { name: 'acme', namespace },
      spec: { issuer: issuerIn(namespace), ...spec },
    });

  const createClient = (namespace: string, spec: Record<string, unknown> = {}) =>
    cluster.client.create<Client>({
      apiVersion,
      kind: 'IdentityClient',
      metadata: { name: 'app', namespace },
      spec: { tenantRef: { name: 'acme' }, redirectURIs: ['https://app.example.com/callback'], ...spec },
    });

  const remove = (resource: ResourceKind, namespace: string, name: string) =>
    cluster.client.delete({ resource, namespace, name });

  /** Waits until a condition of a tenant or client is so. */
  const expectCondition = (
    object: { resource: ResourceKind; namespace: string },
    type: string,
    expected: Partial<Condition>,
  ) =>
    expect
      .poll(async () => {
        const name = object.resource === identityTenants ? 'acme' : 'app';
        const found = await get<Tenant | Client>(object.resource, object.namespace, name);
        return found?.status?.conditions?.find((condition) => condition.type === type);
      }, within)
      .toMatchObject(expected);

  const tenantIn = (namespace: string) => ({ resource: identityTenants, namespace });
  const clientIn = (namespace: string) => ({ resource: identityClients, namespace });
  const expectReady = (namespace: string) => expectCondition(tenantIn(namespace), 'Ready', { status: 'True' });

  /** A tenant that has become Ready in a namespace of its own. */
  const createReadyTenant = async (namespace: string, spec: Record<string, unknown> = {}): Promise<Tenant> => {
    await cluster.createNamespace(namespace);
    const tenant = await createTenant(namespace, spec);
    await expectReady(namespace);
    return tenant;
  };

  /** Lets the tenant be looked at `times` times, and waits until it was, each time. */
  const wakeTenant = async (namespace: string, times: number): Promise<void> => {
    for (let time = 1; time <= times; time += 1) {
      const before = await operator.reconciles('tenant');
      await cluster.client.patchMerge(
        { resource: identityTenants, namespace, name: 'acme' },
        { metadata: { annotations: { touched: `${before}` } } },
      );
      await expect.poll(() => operator.reconciles('tenant'), within).toBeGreaterThan(before);
    }
  };

  /**
   * What changes when the operator writes an object: its resourceVersion, or its generation where the controllers of
   * Kubernetes write a status.
   */
  const versions = async (namespace: string): Promise<Record<string, string | number | undefined>> => {
    const kinds = [...ownedKinds, secrets, identityClients];
    const objects = (await Promise.all(kinds.map((kind) => list(kind, namespace)))).flat();
    const hasStatus = new Set(['Deployment', 'Job', 'PersistentVolumeClaim', 'PodDisruptionBudget', 'StatefulSet']);
    return Object.fromEntries(
      objects.map(({ kind, metadata }) => [
        `${kind}/${metadata.name}`,
        hasStatus.has(kind) ? metadata.generation : metadata.resourceVersion,
      ]),
    );
  };

  /** Material of the retained Secrets, by name. */
  const keyMaterial = async (namespace: string): Promise<Record<string, unknown>> =>
    Object.fromEntries(
      (await list<Secret>(secrets, namespace))
        .filter(({ metadata }) => retainedNames.includes(metadata.name))
        .map(({ metadata, data }) => [metadata.name, data]),
    );

  /** Every state of a namespace's objects of one kind from now on, until the test ends it. */
  const recordStates = async <T extends LiveObject>(resource: ResourceKind, namespace: string) => {
    const { resourceVersion } = await cluster.client.list(resource, { namespace });
    const states: T[] = [];
    const stop = new AbortController();
    const options = { namespace, resourceVersion, timeoutSeconds: 300, idleTimeoutMs: 300_000, signal: stop.signal };
    const recording = (async () => {
      for await (const event of cluster.client.watch<T>(resource, options)) {
        if (event.type === 'ADDED' || event.type === 'MODIFIED') states.push(event.object);
      }
    })().catch(() => undefined);
    return {
      states,
      stop: async () => {
        stop.abort();
        await recording;
      },
    };
  };

  describe('an installation', () => {
    const namespace = 'install';

    it('goes from nothing to Ready, each step after the one that it needs', async () => {
      await cluster.createNamespace(namespace);
      kubelets.hold(namespace, 'database', 'migrate', ...serviceComponents);
      const tenants = await recordStates<Tenant>(identityTenants, namespace);
      await createTenant(namespace, { availability: { zoneSpread: 'Required' } });

      // The database has not answered: nothing that needs it is there.
      await expectCondition(tenantIn(namespace), 'DatabaseReady', { status: 'False', reason: 'DatabaseStarting' });
      expect(await names(statefulSets, namespace)).toEqual(['acme-database']);
      expect([await names(jobs, namespace), await names(deployments, namespace)]).toEqual([[], []]);

      kubelets.release(namespace, 'database');
      await expectCondition(tenantIn(namespace), 'DatabaseReady', { reason: 'MigrationRunning' });
      await expect.poll(() => names(jobs, namespace), within).toHaveLength(1);
      expect(await names(deployments, namespace)).toEqual([]);

      kubelets.release(namespace, 'migrate');
      await expectCondition(tenantIn(namespace), 'DatabaseReady', { status: 'True', reason: 'Migrated' });
      await expectCondition(tenantIn(namespace), 'AuthAvailable', { reason: 'MinimumReplicasUnavailable' });
      await expectCondition(tenantIn(namespace), 'Ready', { status: 'False', reason: 'Progressing' });

      kubelets.release(namespace, ...serviceComponents);
      await expectReady(namespace);
      await expect
        .poll(async () => (await get<Tenant>(identityTenants, namespace, 'acme'))?.status?.zones, within)
        .toBe('3/3');
      const tenant = await get<Tenant>(identityTenants, namespace, 'acme');
      const types = tenant?.status?.conditions?.map(({ type, status }) => `${type}=${status}`);
      expect(types).toEqual([
        'Ready=True',
        'ReferencesResolved=True',
        'DatabaseReady=True',
        'TokenStoreAvailable=True',
        'AuthAvailable=True',
        'GatewayAvailable=True',
        'ZoneRedundant=True',
        'CacheReady=Unknown',
        'MailConfigured=False',
        'RoutesResolved=True',
        'KeysHealthy=True',
      ]);
      expect(tenant?.status).toMatchObject({
        observedGeneration: 1,
        version: '0.1.0',
        endpoints: {
          issuer: issuerIn(namespace),
          discovery: `${issuerIn(namespace)}/.well-known/openid-configuration`,
        },
        services: { auth: { desired: 3, ready: 3, updated: 3, zones: ['zone-1', 'zone-2', 'zone-3'] } },
        keys: [{ algorithm: 'ES256', state: 'Active' }],
      });
      expect(await names(deployments, namespace)).toEqual(['acme-auth', 'acme-gateway', 'acme-token-store']);
      expect(await names(podDisruptionBudgets, namespace)).toEqual(['acme-auth', 'acme-gateway', 'acme-token-store']);
      await tenants.stop();

      // The first pass says at once that this generation is being worked on, before it makes the first Secret.
      const first = tenants.states.find(({ status }) => (status?.conditions?.length ?? 0) > 0);
      expect(first?.status?.conditions).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ type: 'Ready', status: 'False', observedGeneration: 1 }),
          expect.objectContaining({ type: 'Reconciling', status: 'True', observedGeneration: 1 }),
        ]),
      );
      // Revisions of one API server are numbers that grow.
      const revision = ({ metadata }: LiveObject) => BigInt(metadata.resourceVersion);
      for (const secret of await list(secrets, namespace))
        expect(revision(secret)).toBeGreaterThan(first ? revision(first) : 0n);

      for (const { status } of tenants.states.filter((state) => state.status?.conditions !== undefined)) {
        const of = (type: string) => status?.conditions?.find((condition) => condition.type === type)?.status;
        const abnormal = [of('Reconciling'), of('Stalled')].filter((one) => one === 'True');
        expect(abnormal).toHaveLength(of('Ready') === 'True' ? 0 : 1);
        for (const { reason, message } of status?.conditions ?? [])
          expect(`${reason}: ${message}`).toMatch(/^\w+: .{10}/);
      }
    });

    it('leaves the replicas to a field manager of their own, whose number no other apply resets', async () => {
      const managersOf = async (field: RegExp): Promise<(string | undefined)[]> => {
        const auth = await get<Deployment>(deployments, namespace, 'acme-auth');
        return (auth?.metadata.managedFields ?? [])
          .filter(({ operation, fieldsV1 }) => operation === 'Apply' && field.test(JSON.stringify(fieldsV1)))
          .map(({ manager }) => manager);
      };
      const scaled = await recordStates<Deployment>(deployments, namespace);
      const auth = { replicas: 5, resources: { requests: { cpu: '50m', memory: '64Mi' } } };
      await cluster.client.patchMerge({ resource: identityTenants, namespace, name: 'acme' }, { spec: { auth } });
      const requests = async () => {
        const live = await get<Deployment>(deployments, namespace, 'acme-auth');
        const { resources } = live?.spec?.template?.spec?.containers[0] ?? {};
        return { replicas: live?.spec?.replicas, cpu: resources?.requests?.['cpu'] };
      };
      await expect.poll(requests, within).toEqual({ replicas: 5, cpu: '50m' });
      await expectCondition(tenantIn(namespace), 'AuthAvailable', { status: 'True', observedGeneration: 2 });
      expect(await managersOf(/"f:replicas":/)).toEqual(['identity-operator-replicas']);
      expect(await managersOf(/"f:template":/)).toEqual(['identity-operator']);
      await scaled.stop();
      const seen = scaled.states
        .filter(({ metadata }) => metadata.name === 'acme-auth')
        .map(({ spec }) => spec?.replicas ?? 0);
      expect(Math.min(...seen)).toBe(3);
    });

    it('removes the settings of a revision only when no ReplicaSet names them any more', async () => {
      const settings = async () =>
        (await names(builtInResources.configMaps, namespace)).filter((name) => /^acme-auth-\w{10}$/.test(name));
      const [before] = await settings();
      await cluster.client.patchMerge(
        { resource: identityTenants, namespace, name: 'acme' },
        { spec: { tokens: { accessTokenTTL: '7m' } } },
      );
      await expectCondition(tenantIn(namespace), 'AuthAvailable', { status: 'True', observedGeneration: 3 });
      expect(await settings()).toHaveLength(2);
      expect(await settings()).toContain(before);
    });

    it('writes and reads nothing once it has converged, however often it looks', async () => {
      await wakeTenant(namespace, 1);
      const writes = await operator.writes();
      const reads = await operator.reads();
      const before = await versions(namespace);
      await wakeTenant(namespace, 5);
      expect(await versions(namespace)).toEqual(before);
      expect([await operator.writes(), await operator.reads()]).toEqual([writes, reads]);
      expect(Object.keys(before).length).toBeGreaterThan(25);
    });
  });

  describe('drift', () => {
    const namespace = 'drift';

    const patch = (resource: ResourceKind, name: string, change: Record<string, unknown>) =>
      cluster.client.patchMerge({ resource, namespace, name }, change);

    it('of an image is repaired', async () => {
      await createReadyTenant(namespace, {
        gateway: { exposure: { service: { annotations: { 'example.com/pool': 'blue' } } } },
        auth: { nodeSelector: { pool: 'blue' } },
      });
      const container = async () =>
        (await get<Deployment>(deployments, namespace, 'acme-gateway'))?.spec?.template?.spec?.containers[0];
      const before = await container();
      const spec = { template: { spec: { containers: [{ ...before, image: 'example.com/other:1' }] } } };
      await patch(deployments, 'acme-gateway', { spec });
      await expect.poll(async () => (await container())?.image, within).toBe('identity-operator:0.1.0');
      await expectReady(namespace);
    });

    it('of the number of pods is repaired', async () => {
      await patch(deployments, 'acme-auth', { spec: { replicas: 1 } });
      const replicas = async () => (await get<Deployment>(deployments, namespace, 'acme-auth'))?.spec?.replicas;
      await expect.poll(replicas, within).toBe(3);
    });

    it.each([labels.component, labels.instance, labels.managedBy])('of the label %s is repaired', async (label) => {
      const labelled = async () => (await get(services, namespace, 'acme-auth'))?.metadata.labels?.[label];
      const before = await labelled();
      await patch(services, 'acme-auth', { metadata: { labels: { [label]: null } } });
      await expect.poll(labelled, within).toBe(before);
    });

    it.each([
      ['Service', services],
      ['PodDisruptionBudget', podDisruptionBudgets],
      ['NetworkPolicy', builtInResources.networkPolicies],
      ['Deployment', deployments],
    ] as const)('by deletion of a %s is repaired', async (_kind, resource) => {
      const before = await get(resource, namespace, 'acme-auth');
      await remove(resource, namespace, 'acme-auth');
      const uid = async () => (await get(resource, namespace, 'acme-auth'))?.metadata.uid ?? before?.metadata.uid;
      await expect.poll(uid, within).not.toBe(before?.metadata.uid);
      await expectReady(namespace);
    });

    it('of a certificate that is none any more is repaired, with its key', async () => {
      const entries = async () => decodeEntries((await get<Secret>(secrets, namespace, 'acme-auth-identity')) ?? {});
      const before = await entries();
      await patch(secrets, 'acme-auth-identity', { data: { 'tls.crt': Buffer.from('broken').toString('base64') } });
      const isGood = async () => {
        const { 'tls.crt': certificate = '', 'tls.key': key = '' } = await entries();
        if (!certificate.startsWith('-----BEGIN CERTIFICATE-----')) return false;
        return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
      };
      await expect.poll(isGood, within).toBe(true);
      const { 'ca.crt': authority } = await entries();
      expect(authority).toBe(before['ca.crt']);
      expect((await entries())['tls.crt']).not.toBe(before['tls.crt']);
    });

    it('takes away what is no longer asked for, also from what was never changed before', async () => {
      const service = async () => (await get(services, namespace, 'acme-gateway'))?.metadata.annotations ?? {};
      const selector = async () =>
        (await get<Deployment>(deployments, namespace, 'acme-auth'))?.spec?.template?.spec?.nodeSelector ?? {};
      expect([await service(), await selector()]).toMatchObject([{ 'example.com/pool': 'blue' }, { pool: 'blue' }]);
      await patch(identityTenants, 'acme', {
        spec: { gateway: { exposure: null }, auth: { nodeSelector: null } },
      });
      await expect.poll(service, within).not.toHaveProperty(['example.com/pool']);
      await expect.poll(selector, within).toEqual({});
      await expectReady(namespace);
    });

    it('leaves alone what others add', async () => {
      await patch(services, 'acme-gateway', { metadata: { annotations: { 'example.com/mine': 'yes' } } });
      await wakeTenant(namespace, 2);
      const gateway = await get(services, namespace, 'acme-gateway');
      expect(gateway?.metadata.annotations).toMatchObject({ 'example.com/mine': 'yes' });
    });
  });

  it('lets admission have its way: a field that a webhook changes is written once, and told once', async () => {
    const namespace = 'mutated';
    await cluster.createNamespace(namespace);
    const mutation = { namespace, name: 'acme-gateway', appProtocol: 'example.com/mutated' };
    const stopWebhook = await startMutatingWebhook(cluster.client, mutation);
    try {
      // The API server learns of webhooks a moment after they are made.
      const probe = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'acme-gateway', namespace } };
      const isMutated = async () => {
        const made = await cluster.client.create<LiveObject & IService>({ ...probe, spec: { ports: [{ port: 80 }] } });
        await remove(services, namespace, 'acme-gateway');
        return made.spec?.ports?.[0]?.appProtocol === mutation.appProtocol;
      };
      await waitUntil('the webhook to be called', 30_000, isMutated);
      await createTenant(namespace);
      await expectReady(namespace);
      const told = async () =>
        (await list<LiveObject & IEvent>(builtInResources.events, namespace)).filter(
          ({ reason }) => reason === 'FieldMutated',
        );
      await expect
        .poll(told, within)
        .toEqual([expect.objectContaining({ count: 1, message: expect.stringContaining('Service "acme-gateway"') })]);
      await wakeTenant(namespace, 1);
      const writes = await operator.writes();
      await wakeTenant(namespace, 3);
      expect(await operator.writes()).toBe(writes);
      expect(await told()).toHaveLength(1);
    } finally {
      await stopWebhook();
    }
  });

  it('says of a tenant that is paused that its changes wait, and carries them out after', async () => {
    const namespace = 'paused';
    await createReadyTenant(namespace);
    const change = (spec: Record<string, unknown>) =>
      cluster.client.patchMerge({ resource: identityTenants, namespace, name: 'acme' }, { spec });
    await change({ paused: true });
    await expectCondition(tenantIn(namespace), 'Ready', { status: 'True', reason: 'Paused', observedGeneration: 2 });
    const before = await versions(namespace);
    await change({ auth: { branding: { name: 'Other' } } });
    await expectCondition(tenantIn(namespace), 'Stalled', { status: 'True', reason: 'Paused', observedGeneration: 3 });
    expect(await versions(namespace)).toEqual(before);
    await change({ paused: false });
    await expectCondition(tenantIn(namespace), 'Ready', { status: 'True', reason: 'AllAvailable' });
    expect(await versions(namespace)).not.toEqual(before);
  });

  it('says what fails, and goes on when it no longer does', async () => {
    const namespace = 'failing';
    await cluster.createNamespace(namespace);
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'none', namespace } };
    await cluster.client.create({ ...quota, spec: { hard: { 'count/secrets': '0' } } });
    await createTenant(namespace);
    await expectCondition(tenantIn(namespace), 'Reconciling', { status: 'True', reason: 'ReconcileFailed' });
    await cluster.client.delete({ resource: resourceQuotas, namespace, name: 'none' });
    await expectReady(namespace);
  });

  describe('an object of a wanted name that is not ours', () => {
    it.each([
      ['Service', services, 'acme-auth', { spec: { ports: [{ port: 80 }] } }],
      ['Secret', secrets, 'acme-signing-keys', { stringData: { mine: 'yes' } }],
      ['Secret', secrets, 'acme-auth-identity', { stringData: { mine: 'yes' } }],
    ] as const)(
      '%s: is left alone, named, and no longer in the way when it is gone',
      async (kind, resource, name, content) => {
        const namespace = `taken-${name}`;
        await cluster.createNamespace(namespace);
        const stranger = await cluster.client.create({
          apiVersion: 'v1',
          kind,
          metadata: { name, namespace },
          ...content,
        });
        await createTenant(namespace);
        await expectCondition(tenantIn(namespace), 'Stalled', {
          status: 'True',
          reason: 'NameTaken',
          message: expect.stringContaining(`${kind} "${name}"`),
        });
        expect((await get(resource, namespace, name))?.metadata.resourceVersion).toBe(
          stranger.metadata.resourceVersion,
        );
        await remove(resource, namespace, name);
        await expectReady(namespace);
      },
    );
  });

  describe('a Secret that the spec names', () => {
    it('and that is not there is named in status and event; the tenant goes on when it comes', async () => {
      const namespace = 'reference';
      await cluster.createNamespace(namespace);
      await createTenant(namespace, { gateway: { tls: { secretName: 'public-tls' } } });
      const message =
        'Secret "public-tls" is not there; create it, or name another Secret in spec.gateway.tls.secretName';
      await expectCondition(tenantIn(namespace), 'ReferencesResolved', {
        status: 'False',
        reason: 'SecretNotFound',
        message,
      });
      // GitOps applies things in any order: for a minute that is work in progress.
      await expectCondition(tenantIn(namespace), 'Reconciling', { status: 'True', reason: 'SecretNotFound' });
      const events = async () =>
        (await list<LiveObject & IEvent>(builtInResources.events, namespace)).filter(
          ({ involvedObject }) => involvedObject?.kind === 'IdentityTenant',
        );
      await expect
        .poll(events, within)
        .toEqual([expect.objectContaining({ type: 'Warning', reason: 'SecretNotFound', message, count: 1 })]);

      const requests = async () => [await operator.writes(), await operator.reads()];
      const before = await requests();
      await wakeTenant(namespace, 3);
      expect(await requests()).toEqual(before);

      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'public-tls', namespace } };
      await cluster.client.create({ ...secret, stringData: { 'tls.crt': 'a' } });
      await expectCondition(tenantIn(namespace), 'ReferencesResolved', { reason: 'SecretKeyMissing' });
      await wakeTenant(namespace, 1);
      const incomplete = await requests();
      await wakeTenant(namespace, 3);
      expect(await requests()).toEqual(incomplete);

      const touch = { metadata: { annotations: { touched: 'by nobody that matters' } } };
      const reconciles = await operator.reconciles('tenant');
      await cluster.client.applyServerSide({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'unnamed', namespace },
      });
      await cluster.client.patchMerge({ resource: secrets, namespace, name: 'unnamed' }, touch);
      await cluster.client.patchMerge({ resource: secrets, namespace, name: 'public-tls' }, touch);
      await expect.poll(() => operator.reconciles('tenant'), within).toBe(reconciles + 1);
      await cluster.client.applyServerSide({ ...secret, stringData: { 'tls.crt': 'a', 'tls.key': 'b' } });
      await expectReady(namespace);
    });

    it('leads to a database outside, with a role for each service and its TLS demands kept', async () => {
      const namespace = 'external';
      await cluster.createNamespace(namespace);
      const url = 'postgres://owner:s3cret-of-the-owner@db.example.com:6432/identity?sslmode=verify-full';
      const { ca } = await createCertificateAuthority();
      await cluster.client.create({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'my-database', namespace },
        stringData: { url, 'ca.crt': ca },
      });
      kubelets.reportMigration(namespace, { outcome: 'failed', reason: 'DatabaseUnreachable', code: 'ECONNREFUSED' });
      await createTenant(namespace, { database: { connection: { secretRef: { name: 'my-database' } } } });

      // Nobody need change the tenant for this: it is never Stalled.
      await expectCondition(tenantIn(namespace), 'DatabaseReady', { status: 'False', reason: 'DatabaseUnreachable' });
      await expectCondition(tenantIn(namespace), 'Reconciling', { status: 'True', reason: 'DatabaseUnreachable' });
      kubelets.reportMigration(namespace, { outcome: 'failed', reason: 'AuthenticationFailed', code: '28P01' });
      await expectCondition(tenantIn(namespace), 'Stalled', { reason: 'DatabaseAuthenticationFailed' });
      kubelets.reportMigration(namespace, { outcome: 'migrated', schemaVersion: '1', applied: [] });
      await expectReady(namespace);

      expect(await names(statefulSets, namespace)).toEqual([]);
      const connection = await get<Secret>(secrets, namespace, 'acme-database-connection');
      const entries = decodeEntries(connection ?? {});
      // The owner's is migrate's alone.
      expect(entries).not.toHaveProperty('url');
      for (const [entry, role] of [
        ['auth-url', 'external_acme_auth'],
        ['token-store-url', 'external_acme_token_store'],
      ] as const) {
        const { username, password, host, pathname, searchParams } = new URL(entries[entry] ?? '');
        expect([username, host, pathname, searchParams.get('sslmode')]).toEqual([
          role,
          'db.example.com:6432',
          '/identity',
          'verify-full',
        ]);
        expect(password).toHaveLength(43);
      }
      expect(entries['ca.crt']).toBe(ca);
      expect(operator.log()).not.toContain('s3cret-of-the-owner');
    });
  });

  it('says what the API server refuses of what a tenant asks for, and goes on when it is corrected', async () => {
    const namespace = 'refused';
    await cluster.createNamespace(namespace);
    const askFor = (profile: string) => ({
      auth: { podAnnotations: { 'container.apparmor.security.beta.kubernetes.io/auth': profile } },
    });
    await createTenant(namespace, askFor('no profile'));
    await expectCondition(tenantIn(namespace), 'Stalled', {
      status: 'True',
      reason: 'ObjectRefused',
      message: expect.stringMatching(/Deployment.*acme-auth.*invalid AppArmor profile name/),
    });
    await cluster.client.patchMerge(
      { resource: identityTenants, namespace, name: 'acme' },
      { spec: askFor('runtime/default') },
    );
    await expectReady(namespace);
  });

  describe('a tenant that is deleted', () => {
    const ownedBy = async (namespace: string, uid: string) => {
      const objects = (await Promise.all([...ownedKinds, secrets].map((kind) => list(kind, namespace)))).flat();
      return objects
        .filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid))
        .map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    };

    it('leaves keys, credentials and the volume under Retain, and only an heir of its issuer gets them', async () => {
      const namespace = 'retain';
      const { metadata } = await createReadyTenant(namespace);
      const material = await keyMaterial(namespace);
      expect(Object.keys(material)).toEqual(retainedNames);
      await remove(identityTenants, namespace, 'acme');
      await expect.poll(() => ownedBy(namespace, metadata.uid), collected).toEqual([]);
      expect(await keyMaterial(namespace)).toEqual(material);
      expect(await names(persistentVolumeClaims, namespace)).toEqual(['data-acme-database-0']);

      await createTenant(namespace, { issuer: 'https://other.example' });
      await expectCondition(tenantIn(namespace), 'Stalled', {
        status: 'True',
        reason: 'RetainedObjectsOfAnotherIssuer',
      });
      expect(await names(statefulSets, namespace)).toEqual([]);
      await remove(identityTenants, namespace, 'acme');

      const heir = await createTenant(namespace, { deletionPolicy: 'Delete' });
      await expectReady(namespace);
      expect(await keyMaterial(namespace)).toEqual(material);
      expect(heir.metadata.uid).not.toBe(metadata.uid);

      // What the heir has taken over is the heir's to delete.
      await remove(identityTenants, namespace, 'acme');
      await expect.poll(() => get(identityTenants, namespace, 'acme'), within).toBeUndefined();
      await expect.poll(() => names(persistentVolumeClaims, namespace), collected).toEqual([]);
      await expect.poll(() => keyMaterial(namespace), within).toEqual({});
    });

    it('leaves nothing under Delete, and can be made anew at once with new keys', async () => {
      const namespace = 'delete';
      await createReadyTenant(namespace, { deletionPolicy: 'Delete' });
      const material = await keyMaterial(namespace);
      await remove(identityTenants, namespace, 'acme');
      await expect.poll(() => get(identityTenants, namespace, 'acme'), within).toBeUndefined();
      await createTenant(namespace, { deletionPolicy: 'Delete' });
      await expectReady(namespace);
      const anew = await keyMaterial(namespace);
      expect(Object.keys(anew)).toEqual(retainedNames);
      for (const name of retainedNames) expect(anew[name]).not.toEqual(material[name]);
      await remove(identityTenants, namespace, 'acme');
      const left = async () => [
        ...(await names(secrets, namespace)),
        ...(await names(persistentVolumeClaims, namespace)),
        ...(await names(deployments, namespace)),
        ...(await names(services, namespace)),
      ];
      await expect.poll(left, collected).toEqual([]);
    });

    it('in the middle of its creation leaves nothing under Delete either', async () => {
      const namespace = 'delete-early';
      await cluster.createNamespace(namespace);
      await createTenant(namespace, { deletionPolicy: 'Delete' });
      await expect.poll(() => names(secrets, namespace), { timeout: 30_000, interval: 1 }).not.toEqual([]);
      await remove(identityTenants, namespace, 'acme');
      await expect.poll(() => get(identityTenants, namespace, 'acme'), within).toBeUndefined();
      const left = async () => [
        ...(await names(secrets, namespace)),
        ...(await names(persistentVolumeClaims, namespace)),
        ...(await names(statefulSets, namespace)),
        ...(await names(services, namespace)),
      ];
      await expect.poll(left, collected).toEqual([]);
    });
  });

  describe('a client', () => {
    it('waits for its tenant, gets its Secret, and says that auth does not answer', async () => {
      const namespace = 'client';
      await cluster.createNamespace(namespace);
      await createClient(namespace);
      await expectCondition(clientIn(namespace), 'Ready', {
        status: 'False',
        reason: 'TenantNotFound',
        message: expect.stringMatching(/IdentityTenant "acme".*make this client anew/),
      });
      kubelets.hold(namespace, 'auth');
      await createTenant(namespace);
      await expectCondition(clientIn(namespace), 'Reconciling', { status: 'True', reason: 'AuthUnreachable' });
      const secret = await get<Secret>(secrets, namespace, 'app-oidc');
      expect(secret?.type).toBe('servicebinding.io/oauth2');
      const { 'client-secret': clientSecret, ...entries } = decodeEntries(secret ?? {});
      expect(entries).toEqual({
        type: 'oauth2',
        provider: 'identity-operator',
        issuer: issuerIn(namespace),
        'client-id': 'app',
      });
      expect(clientSecret).toHaveLength(43);
      expect((await get<Client>(identityClients, namespace, 'app'))?.status).toMatchObject({
        clientId: 'app',
        binding: { name: 'app-oidc' },
      });

      // A pod that is ready and does not answer.
      kubelets.release(namespace, 'auth');
      await expectCondition(clientIn(namespace), 'Ready', {
        reason: 'AuthUnreachable',
        message: expect.stringContaining('ECONNREFUSED'),
      });
      expect(operator.log()).not.toContain(clientSecret);

      // auth cannot confirm that the client is disabled, so it stays; without its tenant nothing can.
      await remove(identityClients, namespace, 'app');
      await expect
        .poll(async () => (await get(identityClients, namespace, 'app'))?.metadata.deletionTimestamp, within)
        .toBeDefined();
      await remove(identityTenants, namespace, 'acme');
      await expect.poll(() => get(identityClients, namespace, 'app'), within).toBeUndefined();
    });

    it('that was registered goes only when every pod of auth has disabled it, also after auth was away', async () => {
      const namespace = 'client-registered';
      await createReadyTenant(namespace);
      const changeClient = (change: Record<string, unknown>) =>
        cluster.client.patchMerge({ resource: identityClients, namespace, name: 'app' }, change);
      const first = await startAuthStandIn(cluster.client, namespace, 'acme');
      try {
        await createClient(namespace);
        await expectCondition(clientIn(namespace), 'Ready', { status: 'True', reason: 'Registered' });
        expect(first.writes).toContain('PUT /internal/clients/app');

        // Registered again, as every five minutes: what the watch has told need not be read.
        await expect.poll(() => operator.isIdle(), within).toBe(true);
        const [reads, registrations] = [await operator.reads(), first.writes.length];
        await changeClient({ metadata: { annotations: { touched: 'first' } } });
        await expect.poll(() => first.writes.length, within).toBeGreaterThan(registrations);
        expect(await operator.reads()).toBe(reads);
        const secretOf = async () =>
          decodeEntries((await get<Secret>(secrets, namespace, 'app-oidc')) ?? {})['client-secret'];
        const lost = await secretOf();
        await remove(secrets, namespace, 'app-oidc');
        await expect.poll(secretOf, within).toHaveLength(43);
        expect(await secretOf()).not.toBe(lost);

        // A public client has no secret, whatever it was before.
        await changeClient({ spec: { tokenEndpointAuthMethod: 'none' } });
        const binding = async () =>
          Object.keys(decodeEntries((await get<Secret>(secrets, namespace, 'app-oidc')) ?? {})).sort();
        await expect.poll(binding, within).toEqual(['client-id', 'issuer', 'provider', 'type']);
      } finally {
        await first.stop();
      }
      await changeClient({ metadata: { annotations: { touched: 'yes' } } });
      await expectCondition(clientIn(namespace), 'Ready', { status: 'False', reason: 'AuthUnreachable' });
      await remove(identityClients, namespace, 'app');
      await expectCondition(clientIn(namespace), 'Reconciling', { message: expect.stringContaining('ECONNREFUSED') });

      const second = await startAuthStandIn(cluster.client, namespace, 'acme');
      try {
        second.served = 0;
        await expectCondition(clientIn(namespace), 'Reconciling', {
          message: expect.stringContaining('not every pod'),
        });
        second.served = Number.MAX_SAFE_INTEGER;
        await expect.poll(() => get(identityClients, namespace, 'app'), within).toBeUndefined();
        expect(second.writes).toContain('DELETE /internal/clients/app');
      } finally {
        await second.stop();
      }
    });

    it('that auth never heard of goes at once', async () => {
      const namespace = 'client-unknown';
      await cluster.createNamespace(namespace);
      kubelets.hold(namespace, 'database');
      await createTenant(namespace);
      await createClient(namespace);
      await expectCondition(clientIn(namespace), 'Reconciling', { status: 'True', reason: 'AuthUnreachable' });
      await remove(identityClients, namespace, 'app');
      await expect.poll(() => get(identityClients, namespace, 'app'), within).toBeUndefined();
    });

    it("leaves a stranger's Secret alone, and takes the name when it is free", async () => {
      const namespace = 'client-taken';
      await cluster.createNamespace(namespace);
      kubelets.hold(namespace, 'database');
      await createTenant(namespace);
      const metadata = { name: 'app-oidc', namespace };
      const stranger = await cluster.client.create({ apiVersion: 'v1', kind: 'Secret', metadata });
      await createClient(namespace);
      await expectCondition(clientIn(namespace), 'Stalled', {
        status: 'True',
        reason: 'NameTaken',
        message: expect.stringContaining('Secret "app-oidc"'),
      });
      const untouched = await get(secrets, namespace, 'app-oidc');
      expect(untouched?.metadata.resourceVersion).toBe(stranger.metadata.resourceVersion);
      await remove(secrets, namespace, 'app-oidc');
      await expectCondition(clientIn(namespace), 'Reconciling', { status: 'True', reason: 'AuthUnreachable' });
    });
  });

  describe('of two operators', () => {
    const namespace = 'two';

    it('one works; when it stops, the other goes on where it was, and nothing is written twice', async () => {
      const standby = startOperator(account, operatorNamespace, 'operator-2');
      await expect.poll(standby.isSynced, within).toBe(true);
      await cluster.createNamespace(namespace);
      kubelets.hold(namespace, 'migrate');
      await createTenant(namespace);
      await expectCondition(tenantIn(namespace), 'DatabaseReady', { reason: 'MigrationRunning' });
      await expect.poll(() => names(jobs, namespace), within).toHaveLength(1);
      const before = await versions(namespace);
      expect(await standby.writes()).toBe(0);

      const first = operator;
      operator = standby;
      expect(await first.stop()).toBe('stopped');
      await expect.poll(standby.isLeading, within).toBe(true);
      kubelets.release(namespace, 'migrate');
      await expectReady(namespace);
      const after = await versions(namespace);
      expect(after).toMatchObject(before);
      expect(await names(jobs, namespace)).toHaveLength(1);
    });

    it('and after a restart nothing is written either', async () => {
      const tenants = (await cluster.client.list(identityTenants)).items.length;
      await operator.stop();
      const before = await versions(namespace);
      operator = await startLeader('operator-3');
      await expect.poll(() => operator.reconciles('tenant'), within).toBeGreaterThanOrEqual(tenants);
      expect(await versions(namespace)).toEqual(before);
      expect(await operator.writes()).toBe(0);
    });
  });
});
