import type { IDeployment, IStatefulSet } from 'kubernetes-models/apps/v1';
import type { IJob } from 'kubernetes-models/batch/v1';
import type { ISecret } from 'kubernetes-models/v1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MigrationReport } from '../services/shared/contracts/migration-report.ts';
import { createCertificateAuthority } from '../services/shared/testing/certificate-authority.ts';
import type { Condition } from './api/conditions.ts';
import { annotations, apiVersion, labels } from './api/group.ts';
import type { TenantStatus } from './api/tenant-status.ts';
import type { LiveObject } from './runtime/kubernetes-object.ts';
import { builtInResources } from './runtime/resource-kind.ts';
import { decodeEntries } from './tenant/caches/object-projections.ts';
import { customResources } from './tenant/custom-resources.ts';
import type { KubeletStandIn } from './testing/kubelet-stand-in.ts';
import { recordHistory } from './testing/object-history.ts';
import { type OperatedCluster, startOperatedCluster } from './testing/operated-cluster.ts';
import type { RunningOperator } from './testing/running-operator.ts';
import { startStateStandIn } from './testing/state-stand-in.ts';
import type { TestCluster } from './testing/test-cluster.ts';

type Tenant = LiveObject & { readonly status?: TenantStatus };

const { identityTenants } = customResources;
const { deployments, jobs, pods, secrets, statefulSets } = builtInResources;
const within = { timeout: 30_000, interval: 50 };

const migrated = (databaseId: string, sharedRole = false): MigrationReport => ({
  outcome: 'migrated',
  schemaVersion: '1',
  applied: [],
  databaseId,
  ...(sharedRole ? { sharedRole } : {}),
});

describe('databases at a real API server', { timeout: 120_000 }, () => {
  let operated: OperatedCluster;
  let cluster: TestCluster;
  let kubelets: KubeletStandIn;
  let operator: RunningOperator;
  let ca: string;

  beforeAll(async () => {
    operated = await startOperatedCluster({
      askPeriods: { quiet: 400, doubtful: 100 },
    });
    ({ cluster, kubelets, operator } = operated);
    ca = (await createCertificateAuthority()).ca;
  });
  afterAll(() => operated?.stop());

  const createTenant = async (namespace: string, spec: Record<string, unknown>): Promise<void> => {
    await cluster.client.create({
      apiVersion,
      kind: 'IdentityTenant',
      metadata: { name: 'acme', namespace },
      spec: { issuer: `https://id.${namespace}.example`, ...spec },
    });
  };
  const readTenant = (namespace: string) =>
    cluster.client.get<Tenant>({ resource: identityTenants, namespace, name: 'acme' });
  const annotate = (namespace: string, words: Record<string, string | null>) =>
    cluster.client.patchMerge(
      { resource: identityTenants, namespace, name: 'acme' },
      { metadata: { annotations: words } },
    );
  const expectCondition = (namespace: string, type: string, expected: Partial<Condition>) =>
    expect
      .poll(async () => (await readTenant(namespace))?.status?.conditions?.find((one) => one.type === type), within)
      .toMatchObject(expected);
  const readSecret = async (namespace: string, name: string) => {
    const secret = await cluster.client.get<LiveObject & ISecret>({ resource: secrets, namespace, name });
    return { entries: decodeEntries(secret ?? {}), annotations: secret?.metadata.annotations ?? {} };
  };
  const writeSecret = (namespace: string, name: string, stringData: Record<string, string>) =>
    cluster.client.applyServerSide({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData });
  /** One more for each rollout. */
  const revisions = async (namespace: string) =>
    (await cluster.client.list<LiveObject & IDeployment>(deployments, { namespace })).items
      .map(({ metadata }) => `${metadata.name} ${metadata.annotations?.['deployment.kubernetes.io/revision']}`)
      .sort();
  const serviceUrl = async (namespace: string, entry = 'auth-url') =>
    new URL((await readSecret(namespace, 'acme-database-connection')).entries[entry] ?? '');

  it('are refused when they are not the one that holds the data, and let in by a word of the user', async () => {
    const namespace = 'swapped';
    await cluster.createNamespace(namespace);
    const name = 'my-database';
    await writeSecret(namespace, name, { url: 'postgres://owner:s3cret@one.example.com/identity', 'ca.crt': ca });
    kubelets.reportMigration(namespace, migrated('first'));
    await createTenant(namespace, { database: { connection: { secretRef: { name } } } });
    await expectCondition(namespace, 'Ready', { status: 'True' });
    await expectCondition(namespace, 'DatabaseReady', { status: 'True', reason: 'Migrated' });
    expect((await readTenant(namespace))?.status?.database).toEqual({ id: 'first' });
    expect((await readSecret(namespace, 'acme-database-credentials')).entries['database-id']).toBe('first');
    const before = await serviceUrl(namespace);
    expect([before.hostname, before.searchParams.get('database_id')]).toEqual(['one.example.com', 'first']);
    // The id came in time for the first pods: nothing was rolled for it, and migrate ran once.
    expect(await revisions(namespace)).toEqual(['acme-auth 1', 'acme-gateway 1', 'acme-token-store 1']);
    expect((await cluster.client.list(jobs, { namespace })).items).toHaveLength(1);

    kubelets.reportMigration(namespace, {
      outcome: 'failed',
      reason: 'DatabaseChanged',
      expected: 'first',
      found: 'empty',
    });
    await writeSecret(namespace, name, { url: 'postgres://owner:s3cret@two.example.com:6432/identity', 'ca.crt': ca });
    await expectCondition(namespace, 'Stalled', {
      reason: 'DatabaseChanged',
      message:
        'the database is empty, and the data of the tenant is in the one with the id first: correct the connection; or, to go on with this database and without that data, annotate the tenant with identity-operator.io/accept-database: empty. Nothing was changed in it, and what ran goes on with the last one',
    });
    expect((await serviceUrl(namespace)).href).toBe(before.href);
    expect((await readTenant(namespace))?.status?.database).toEqual({ id: 'first' });

    // A Job that tries again meanwhile would report what migrate only does with the word.
    kubelets.hold(namespace, 'migrate');
    kubelets.reportMigration(namespace, migrated('second'));
    await annotate(namespace, { [annotations.acceptDatabase]: 'empty' });
    kubelets.release(namespace, 'migrate');
    await expectCondition(namespace, 'Ready', { status: 'True' });
    expect((await readTenant(namespace))?.status?.database).toEqual({ id: 'second' });
    const after = await serviceUrl(namespace, 'token-store-url');
    expect([after.host, after.searchParams.get('database_id')]).toEqual(['two.example.com:6432', 'second']);
    expect(await revisions(namespace)).toEqual(['acme-auth 1', 'acme-gateway 1', 'acme-token-store 1']);

    // The word has done its work, and lets in no other: migrate is not given it again.
    const { entries, annotations: words } = await readSecret(namespace, 'acme-database-credentials');
    expect([entries['database-id'], words[annotations.acceptedDatabase]]).toEqual(['second', 'empty']);
    await expect
      .poll(async () => (await readSecret(namespace, 'acme-migrate-connection')).entries, within)
      .not.toHaveProperty('accepted-database');
    await annotate(namespace, { [annotations.acceptDatabase]: null });
    await expect
      .poll(async () => (await readSecret(namespace, 'acme-database-credentials')).annotations, within)
      .not.toHaveProperty([annotations.acceptedDatabase]);
    await expectCondition(namespace, 'Ready', { status: 'True' });
    expect(operator.log()).not.toContain('s3cret');
  });

  it('keep the roles of the user, and share the role of an owner who may make none', async () => {
    const namespace = 'roles';
    await cluster.createNamespace(namespace);
    const name = 'my-database';
    const url = 'postgres://owner:s3cret@db.example.com/identity?sslmode=verify-ca';
    await writeSecret(namespace, name, { url, 'auth-url': 'postgres://auth@db.example.com', 'ca.crt': ca });
    await createTenant(namespace, { database: { connection: { secretRef: { name } } } });
    await expectCondition(namespace, 'Stalled', {
      reason: 'DatabaseUrlInvalid',
      message:
        'key "auth-url" of Secret "my-database" is no URL like postgres://user:password@host:5432/database; correct it',
    });
    kubelets.reportMigration(namespace, migrated('roles', true));
    await writeSecret(namespace, name, { url, 'auth-url': 'postgres://auth:pw@pooler:6432/identity', 'ca.crt': ca });
    await expectCondition(namespace, 'Ready', { status: 'True' });
    await expectCondition(namespace, 'DatabaseReady', {
      status: 'True',
      reason: 'SharedRole',
      message: expect.stringContaining('grant it CREATEROLE, or name roles of theirs by auth-url and token-store-url'),
    });
    expect((await serviceUrl(namespace)).href).toBe('postgres://auth:pw@pooler:6432/identity?database_id=roles');
    expect((await serviceUrl(namespace, 'token-store-url')).href).toBe(`${url}&database_id=roles`);
    const { entries } = await readSecret(namespace, 'acme-migrate-connection');
    expect(entries).toEqual({ url, 'auth-url': 'postgres://auth:pw@pooler:6432/identity', 'ca.crt': ca });
  });

  it('are those of CloudNativePG, by the Secrets that it makes', async () => {
    const namespace = 'cluster';
    await cluster.createNamespace(namespace);
    kubelets.reportMigration(namespace, migrated('cluster'));
    await createTenant(namespace, { database: { cloudNativePG: { clusterName: 'main' } } });
    await expectCondition(namespace, 'Reconciling', {
      reason: 'SecretNotFound',
      message: expect.stringContaining('Secret "main-app" is not there'),
    });
    await writeSecret(namespace, 'main-ca', { 'ca.crt': ca, 'ca.key': 'not read' });
    const uri = `postgresql://app:p%40ss@main-rw.${namespace}:5432/app`;
    await writeSecret(namespace, 'main-app', {
      uri,
      'fqdn-uri': `postgresql://app:p%40ss@main-rw.${namespace}.svc.cluster.local:5432/app`,
      username: 'app',
      password: 'p@ss',
      dbname: 'app',
      host: 'main-rw',
      port: '5432',
    });
    await expectCondition(namespace, 'Ready', { status: 'True' });
    const { entries } = await readSecret(namespace, 'acme-migrate-connection');
    expect(entries).toEqual({ url: `postgresql://app:p%40ss@main-rw.${namespace}.svc:5432/app`, 'ca.crt': ca });
    expect((await serviceUrl(namespace)).hostname).toBe(`main-rw.${namespace}.svc`);
  });

  it('are lost and come back by what the pods say, as caches do, and at rest nothing is written', async () => {
    const namespace = 'lost';
    await cluster.createNamespace(namespace);
    await writeSecret(namespace, 'my-cache', { url: 'redis+sentinel://:s3cret@a,b/main' });
    await createTenant(namespace, { cache: { connection: { secretRef: { name: 'my-cache' } } } });
    await expectCondition(namespace, 'Ready', { status: 'True' });
    await expectCondition(namespace, 'CacheReady', { status: 'Unknown', reason: 'Waiting' });

    const good = { reachable: true };
    const away = { reachable: false, error: 'ECONNREFUSED' };
    const tenant = { namespace, tenant: 'acme' };
    const auth = await startStateStandIn(cluster.client, tenant, 'auth', { database: good });
    const store = await startStateStandIn(cluster.client, tenant, 'token-store', { database: good, cache: good });
    try {
      await expectCondition(namespace, 'CacheReady', { status: 'True', reason: 'Reachable' });
      await expect.poll(() => operator.isIdle(), within).toBe(true);
      const { writes, version } = { writes: await operator.writes(), version: await readTenant(namespace) };
      const asked = auth.requests;
      await expect.poll(() => auth.requests, within).toBeGreaterThan(asked + 5);
      expect(await operator.writes()).toBe(writes);
      expect((await readTenant(namespace))?.metadata.resourceVersion).toBe(version?.metadata.resourceVersion);

      store.says = { database: away, cache: away };
      await expectCondition(namespace, 'DatabaseReady', {
        status: 'False',
        reason: 'DatabaseUnreachable',
        message:
          'the services do not reach the database (ECONNREFUSED); what needs it is answered with 503 until they do',
      });
      await expectCondition(namespace, 'Reconciling', { status: 'True', reason: 'DatabaseUnreachable' });
      await expectCondition(namespace, 'CacheReady', { status: 'False', reason: 'CacheUnreachable' });
      expect((await readTenant(namespace))?.status?.conditions?.map(({ type }) => type)).not.toContain('Stalled');
      store.says = { database: good, cache: away };
      // The cache is nothing that Ready rests on.
      await expectCondition(namespace, 'Ready', { status: 'True' });
      auth.says = { database: { reachable: false, error: 'DATABASE_CHANGED' } };
      await expectCondition(namespace, 'Stalled', { status: 'True', reason: 'DatabaseChanged' });
      auth.says = { database: good };
      await expectCondition(namespace, 'Ready', { status: 'True' });
    } finally {
      await Promise.all([auth.stop(), store.stop()]);
    }
    expect(operator.log()).not.toContain('s3cret');
  });

  it('serve a certificate of the CA that there is: made anew when it was lost, and no restart for less', async () => {
    const namespace = 'authority';
    await cluster.createNamespace(namespace);
    await createTenant(namespace, {});
    await expectCondition(namespace, 'Ready', { status: 'True' });
    const caOf = async (name: string, entry = 'ca.crt') => (await readSecret(namespace, name)).entries[entry];
    const podOf = () => cluster.client.get({ resource: pods, namespace, name: 'acme-database-0' });
    const remove = (name: string) => cluster.client.delete({ resource: secrets, namespace, name });
    const lost = await caOf('acme-internal-ca', 'tls.crt');
    const first = await podOf();
    const certificate = await caOf('acme-database-identity', 'tls.crt');
    expect([first, certificate]).not.toContain(undefined);

    await remove('acme-database-identity');
    await expect.poll(() => caOf('acme-database-identity', 'tls.crt'), within).toMatch(/^-----BEGIN/);
    expect(await caOf('acme-database-identity', 'tls.crt')).not.toBe(certificate);
    await expectCondition(namespace, 'Ready', { status: 'True' });
    await expect.poll(() => operator.isIdle(), within).toBe(true);
    expect((await podOf())?.metadata.uid).toBe(first?.metadata.uid);

    const databases = await recordHistory<LiveObject & IStatefulSet>(cluster.client, statefulSets, namespace);
    const identities = await recordHistory<LiveObject & ISecret>(cluster.client, secrets, namespace);
    await remove('acme-internal-ca');
    await expect.poll(async () => (await podOf())?.metadata.uid ?? 'none yet', within).not.toBe(first?.metadata.uid);
    await expect.poll(() => caOf('acme-database-connection'), within).not.toBe(lost);
    await expectCondition(namespace, 'Ready', { status: 'True' });
    const made = await caOf('acme-internal-ca', 'tls.crt');
    expect([await caOf('acme-database-connection'), await caOf('acme-database-identity')]).toEqual([made, made]);
    await Promise.all([databases.stop(), identities.stop()]);

    // A pod that starts before its certificate is of the new CA would go on with the old one.
    const authorityIn = ({ spec }: IStatefulSet) =>
      spec?.template?.metadata?.annotations?.[annotations.certificateAuthority];
    const authorities = databases.versions.map(({ object }) => authorityIn(object));
    const last = authorities.at(-1);
    const restarted = databases.versions.find(({ object }) => authorityIn(object) === last);
    const renewed = identities.versions.find(
      ({ object }) => object.metadata.name === 'acme-database-identity' && decodeEntries(object)['ca.crt'] === made,
    );
    const revisionOf = (version: { readonly object: LiveObject } | undefined) =>
      BigInt(version?.object.metadata.resourceVersion ?? 0);
    expect(revisionOf(renewed)).toBeGreaterThan(0n);
    expect(revisionOf(restarted)).toBeGreaterThan(revisionOf(renewed));
    expect(new Set(authorities).size).toBeLessThanOrEqual(2);
  });

  it.each([
    {
      reason: 'DatabaseRoleMissing',
      report: { outcome: 'failed', reason: 'RoleMissing', code: 'ROLE_MISSING' },
      message: /no such role as auth-url or token-store-url names; create it/,
    },
    {
      reason: 'DatabasePermissionDenied',
      report: { outcome: 'failed', reason: 'PermissionDenied', code: '42501' },
      message: /grant CREATE on the database, or make it the owner \(42501\)/,
    },
    {
      reason: 'EncryptionKeyMissing',
      report: { outcome: 'failed', reason: 'EncryptionKeyMissing', keyId: '1' },
      message: /key "1", which the tenant does not have; restore its Secret from a backup/,
    },
    {
      reason: 'EncryptionKeyChanged',
      report: { outcome: 'failed', reason: 'EncryptionKeyChanged', keyId: '1' },
      message: /another data-encryption key "1" than the tenant has; restore its Secret from a backup/,
    },
    {
      reason: 'MigrationFailed',
      report: { outcome: 'failed', reason: 'MigrationFailed', code: '22012' },
      message: /the log of the migrate Job says which \(22012\)/,
    },
  ] satisfies { reason: string; report: MigrationReport; message: RegExp }[])(
    'say $reason, and go on when it is put right',
    async ({ reason, report, message }) => {
      const namespace = reason.toLowerCase();
      await cluster.createNamespace(namespace);
      kubelets.reportMigration(namespace, report);
      await createTenant(namespace, { availability: { mode: 'Single' } });
      await expectCondition(namespace, 'Stalled', { reason, message: expect.stringMatching(message) });
      kubelets.reportMigration(namespace, migrated(reason));
      await expectCondition(namespace, 'Ready', { status: 'True' });
    },
  );

  it('are asked again where migrate’s pod was gone before an operator looked', async () => {
    const namespace = 'unheard';
    await cluster.createNamespace(namespace);
    await writeSecret(namespace, 'own', { url: 'postgres://owner:pw@db.example.com/identity' });
    kubelets.reportMigration(namespace, migrated('heard-at-last', true));
    kubelets.hold(namespace, 'migrate');
    await createTenant(namespace, { database: { connection: { secretRef: { name: 'own' } } } });
    const readJob = async () => (await cluster.client.list<LiveObject & IJob>(jobs, { namespace })).items[0];
    await expect.poll(readJob, within).toBeDefined();
    const first = await readJob();
    await operated.whileNoOperatorRuns(async () => {
      kubelets.release(namespace, 'migrate');
      const isComplete = async () =>
        (await readJob())?.status?.conditions?.some(({ type, status }) => type === 'Complete' && status === 'True');
      await expect.poll(isComplete, within).toBe(true);
      // As a node takes them with it that is drained.
      const migrates = { namespace, labelSelector: `${labels.component}=migrate` };
      const own = async () => (await cluster.client.list(pods, migrates)).items.map(({ metadata }) => metadata.name);
      for (const name of await own()) await cluster.client.delete({ resource: pods, namespace, name });
      await expect.poll(own, within).toEqual([]);
    });
    await expectCondition(namespace, 'DatabaseReady', { status: 'True', reason: 'SharedRole' });
    expect((await serviceUrl(namespace)).href).toBe(
      'postgres://owner:pw@db.example.com/identity?database_id=heard-at-last',
    );
    expect((await readTenant(namespace))?.status?.database).toEqual({ id: 'heard-at-last' });
    const again = await readJob();
    expect([again?.metadata.name, again?.metadata.uid === first?.metadata.uid]).toEqual([first?.metadata.name, false]);
  });
});
