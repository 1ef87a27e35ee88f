import { describe, expect, it } from 'vitest';
import { annotations, labels, managedByValue } from '../api/group.ts';
import type { TenantStatus } from '../api/tenant-status.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import { carryOut, install, nodes, nothing, now, release, withStatus } from '../testing/observations.ts';
import { buildTenant } from '../testing/tenants.ts';
import type { Observed } from './observed.ts';
import { type Plan, planTenant } from './plan.ts';

const condition = (plan: Plan, type: string) => plan.status.conditions?.find((one) => one.type === type);
const kinds = (plan: Plan) => [...new Set(plan.apply.map(({ kind }) => kind))];

describe('a first installation', () => {
  it('makes the keys, then the certificates, then everything that needs them', async () => {
    const first = planTenant(nothing(), release, now);
    expect(first.secrets.map(({ name }) => name)).toEqual([
      'acme-signing-keys',
      'acme-cookie-keys',
      'acme-pairwise-salt',
      'acme-data-encryption-keys',
      'acme-database-credentials',
      'acme-internal-ca',
    ]);
    expect(first.apply).toEqual([]);
    const second = await carryOut(nothing(), first);
    expect(planTenant(second, release, now).secrets.map(({ name }) => name)).toContain('acme-auth-identity');
  });

  it('starts the services only when the schema is there', async () => {
    expect(kinds(planTenant(await install('keys'), release, now))).not.toContain('Job');
    const starting = planTenant(await install('keys'), release, now);
    expect(condition(starting, 'DatabaseReady')).toMatchObject({ status: 'False', reason: 'DatabaseStarting' });
    const migrating = planTenant(await install('database'), release, now);
    expect(kinds(migrating)).toContain('Job');
    expect(kinds(migrating)).not.toContain('Deployment');
    expect(kinds(planTenant(await install('migration'), release, now))).toContain('Deployment');
  });

  it('is Ready with all pods of the current revision, and then has nothing to do', async () => {
    const plan = planTenant(await install('ready'), release, now);
    expect(condition(plan, 'Ready')).toMatchObject({ status: 'True', reason: 'AllAvailable' });
    expect(condition(plan, 'Reconciling')).toBeUndefined();
    expect(plan.status.zones).toBe('3/3');
    expect([plan.secrets, plan.replicas, plan.remove]).toEqual([[], [], []]);
    expect(plan.events.map(({ reason }) => reason)).toEqual(['Ready']);
  });

  it('sets replicas by their own field manager', async () => {
    const observed = await install('migration', { auth: { replicas: 5 } });
    const first = planTenant(observed, release, now);
    // A Deployment that is not seen yet may be there at any number.
    expect(first.replicas).toEqual([]);
    const plan = planTenant(await carryOut(observed, first), release, now);
    expect(plan.replicas).toContainEqual({ deployment: 'acme-auth', uid: 'Deployment/acme-auth', replicas: 5 });
  });
});

describe('a migrate Job whose pod went before it was heard', () => {
  const at = (seconds: number) => new Date(now.getTime() + 1_000 * seconds);
  const jobs = (plan: Plan) => plan.remove.map(({ kind }) => kind);

  it('is made again, after the time in which the watch of its pods may be behind', async () => {
    const unheard = { ...(await install('migration')), pods: [] };
    const waiting = planTenant(unheard, release, at(3));
    expect(condition(waiting, 'DatabaseReady')).toMatchObject({
      reason: 'MigrationRunning',
      message: 'migrate came to its end, and its pod was gone before anybody heard what it found; it runs once more',
    });
    expect([kinds(waiting).includes('Deployment'), jobs(waiting)]).toEqual([false, []]);
    expect(waiting.requeueAfterMilliseconds).toBe(7_000);
    const again = planTenant(unheard, release, at(10));
    expect(jobs(again)).toEqual(['Job']);
    const gone = await carryOut({ ...unheard, objects: unheard.objects.filter(({ kind }) => kind !== 'Job') }, again);
    expect(kinds(planTenant(gone, release, at(11)))).toContain('Job');
  });

  it('is left alone once the services are connected, and while the tenant is paused', async () => {
    const ready = await install('ready');
    expect(ready.pods.some(({ component }) => component === 'migrate')).toBe(false);
    const plan = planTenant(ready, release, at(86_400));
    expect([condition(plan, 'DatabaseReady')?.reason, jobs(plan)]).toEqual(['Migrated', []]);
    const unheard = { ...(await install('migration')), pods: [] };
    const paused = { ...unheard, tenant: { ...unheard.tenant, spec: { ...unheard.tenant.spec, paused: true } } };
    const still = planTenant(paused, release, at(20));
    expect([jobs(still), still.requeueAfterMilliseconds > 60_000]).toEqual([[], true]);
  });

  it('that has failed is made again too, and says why it did', async () => {
    const conditions = [
      { type: 'Failed', status: 'True', reason: 'DeadlineExceeded', lastTransitionTime: now.toISOString() },
    ];
    const failed = { ...withStatus(await install('migration'), 'Job', { conditions }), pods: [] };
    const plan = planTenant(failed, release, at(10));
    expect(condition(plan, 'DatabaseReady')).toMatchObject({
      reason: 'MigrationRunning',
      message:
        'the migrate Job has failed (DeadlineExceeded), and is made again; look who limits its tries or its time',
    });
    expect(jobs(plan)).toEqual(['Job']);
  });
});

describe('kstatus', () => {
  it('says Ready of a new generation only when its revision runs', async () => {
    const observed = await install('ready');
    const tenant = buildTenant({ tokens: { accessTokenTTL: '5m' } }, { generation: 2 });
    const plan = planTenant({ ...observed, tenant }, release, now);
    expect(condition(plan, 'Ready')).toMatchObject({ status: 'False', observedGeneration: 2 });
    expect(condition(plan, 'AuthAvailable')).toMatchObject({ status: 'False', reason: 'RolloutInProgress' });
    expect(condition(plan, 'GatewayAvailable')).toMatchObject({ status: 'True' });
  });

  it('has exactly one of Reconciling and Stalled whenever Ready is not True', async () => {
    for (const step of ['keys', 'database', 'migration', 'ready'] as const) {
      const plan = planTenant(await install(step), release, now);
      const abnormal = ['Reconciling', 'Stalled'].filter((type) => condition(plan, type) !== undefined);
      expect(abnormal).toHaveLength(condition(plan, 'Ready')?.status === 'True' ? 0 : 1);
    }
  });
});

describe('a paused tenant of a version that the operator cannot build, before its turn', () => {
  const newer = { ...release, version: '0.3.0', previous: [{ version: '0.2.4', unknownSettings: {} }] };
  const paused = async (generation: number) => {
    const observed = await install('ready');
    const { status } = planTenant(observed, release, now);
    const tenant = { ...buildTenant({ paused: true }, { generation }), status: { ...status, version: '0.1.0' } };
    return planTenant({ ...observed, tenant }, newer, now);
  };

  it('stays Ready when a new operator comes', async () => {
    expect(condition(await paused(1), 'Ready')).toMatchObject({ status: 'True', reason: 'Paused' });
  });

  it('says that a change of the spec waits', async () => {
    expect(condition(await paused(2), 'Stalled')).toMatchObject({ reason: 'Paused' });
  });
});

describe('a tenant of a version that the operator cannot build, before its turn', () => {
  const newer = { ...release, version: '0.3.0', previous: [{ version: '0.2.4', unknownSettings: {} }] };
  const at = (observed: Observed, status: TenantStatus, generation: number): Observed => ({
    ...observed,
    tenant: { ...buildTenant({}, { generation }), status: { ...status, version: '0.1.0' } },
  });

  it('stays Ready, also after a pod was lost and came back', async () => {
    const observed = await install('ready');
    const { status } = planTenant(observed, release, now);
    const plan = planTenant(at(observed, status, 1), newer, now);
    expect(condition(plan, 'Ready')).toMatchObject({ status: 'True', observedGeneration: 1 });
    const lost = withStatus(observed, 'Deployment', { observedGeneration: 1, replicas: 3, availableReplicas: 2 });
    const without = planTenant(at(lost, plan.status, 1), newer, now);
    expect(condition(without, 'Ready')).toMatchObject({ status: 'False' });
    expect(condition(planTenant(at(observed, without.status, 1), newer, now), 'Ready')?.status).toBe('True');
  });

  it('works on at a change of its spec, which waits until then, and says how it need not', async () => {
    const observed = await install('ready');
    const { status } = planTenant(observed, release, now);
    const first = planTenant(at(observed, status, 2), newer, now);
    const second = planTenant(at(observed, first.status, 2), newer, now);
    for (const plan of [first, second]) {
      expect(plan.status.observedGeneration).toBe(2);
      for (const [type, is] of [
        ['Ready', 'Unknown'],
        ['Reconciling', 'True'],
      ] as const)
        expect(condition(plan, type)).toMatchObject({ status: is, reason: 'WaitingForTurn', observedGeneration: 2 });
      expect(condition(plan, 'Ready')?.message).toMatch(
        /run 0\.1\.0 .*turn to run 0\.2\.4; .*set spec\.version to 0\.2\.4$/,
      );
      expect(condition(plan, 'AuthAvailable')).toMatchObject({ status: 'True', observedGeneration: 1 });
    }
    const turn = at(observed, { ...second.status, targetVersion: '0.2.4' }, 2);
    expect(condition(planTenant(turn, newer, now), 'Ready')).toMatchObject({ status: 'False', reason: 'Progressing' });
  });
});

describe('a missing Secret', () => {
  const reference = {
    field: 'spec.gateway.tls.secretName',
    kind: 'Secret',
    name: 'acme-tls',
    requiredEntries: ['tls.crt'],
  } as const;
  const spec = { gateway: { tls: { secretName: 'acme-tls' } } };

  it('is work in progress for 60 s and stalled after, with one event each', () => {
    const observed = { ...nothing(spec), references: [reference] };
    const early = planTenant(observed, release, now);
    expect(condition(early, 'Reconciling')).toMatchObject({ reason: 'SecretNotFound' });
    expect(condition(early, 'Ready')?.message).toBe(
      'Secret "acme-tls" is not there; create it, or name another Secret in spec.gateway.tls.secretName',
    );
    expect(early.requeueAfterMilliseconds).toBe(60_000);
    expect(early.events).toHaveLength(1);

    const waited = { ...observed, tenant: { ...observed.tenant, status: early.status } };
    const later = planTenant(waited, release, new Date(now.getTime() + 61_000));
    expect(condition(later, 'Stalled')).toMatchObject({ reason: 'SecretNotFound' });
    expect(condition(later, 'Reconciling')).toBeUndefined();
    expect(later.events).toEqual([expect.objectContaining({ type: 'Warning', reason: 'SecretNotFound' })]);

    const stalled = { ...observed, tenant: { ...observed.tenant, status: later.status } };
    expect(planTenant(stalled, release, new Date(now.getTime() + 120_000)).events).toEqual([]);
  });

  it('is waited for anew when a tenant that is stalled for another one names it', () => {
    const passAt = (status: TenantStatus, name: string, seconds: number) => {
      const observed = { ...nothing(spec), references: [{ ...reference, name }] };
      const tenant = { ...observed.tenant, status };
      return planTenant({ ...observed, tenant }, release, new Date(now.getTime() + seconds * 1_000));
    };
    const missing = passAt({}, 'one', 0);
    const stalled = passAt(missing.status, 'one', 61);
    const another = passAt(stalled.status, 'two', 300);
    expect(condition(another, 'Reconciling')).toMatchObject({ reason: 'SecretNotFound' });
    expect(another.requeueAfterMilliseconds).toBe(60_000);
    const waited = passAt(another.status, 'two', 340);
    expect(condition(waited, 'Reconciling')).toMatchObject({ reason: 'SecretNotFound' });
    expect(waited.requeueAfterMilliseconds).toBe(20_000);
    expect(condition(passAt(waited.status, 'two', 361), 'Stalled')).toMatchObject({ reason: 'SecretNotFound' });
  });

  it('stops nothing that runs', async () => {
    const running = { ...(await install('ready', spec)), references: [reference] };
    const plan = planTenant(running, release, now);
    expect([plan.apply, plan.remove, plan.secrets]).toEqual([[], [], []]);
  });

  it('names the key that a Secret lacks', () => {
    const found = { uid: 'u', resourceVersion: '1', entries: {} };
    const plan = planTenant({ ...nothing(spec), references: [{ ...reference, found }] }, release, now);
    expect(condition(plan, 'Ready')?.message).toBe(
      'Secret "acme-tls" has no key "tls.crt"; add it, or name another Secret in spec.gateway.tls.secretName',
    );
  });
});

describe('what an earlier tenant left', () => {
  it('is adopted when it was of the same issuer', async () => {
    const observed = await install('ready');
    const heir = { ...observed, tenant: buildTenant({}, { uid: '22222222-2222-4222-8222-222222222222' }), objects: [] };
    const plan = planTenant(heir, release, now);
    expect(plan.repair.map(({ name }) => name)).toContain('acme-data-encryption-keys');
    expect(plan.secrets.map(({ name }) => name)).not.toContain('acme-data-encryption-keys');
  });

  it('stalls a tenant of another issuer, and is not touched', async () => {
    const observed = await install('ready');
    const stranger = { ...observed, tenant: buildTenant({ issuer: 'https://other.example' }), objects: [] };
    const plan = planTenant(stranger, release, now);
    // Nothing that comes later will cure it, as it may a missing Secret: there is nothing to be patient for.
    expect(condition(plan, 'Stalled')).toMatchObject({ reason: 'RetainedObjectsOfAnotherIssuer' });
    expect([plan.repair, plan.secrets, plan.apply]).toEqual([[], [], []]);
  });

  const volumeOf = (issuer: string): LiveObject => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: 'data-acme-database-0',
      uid: 'v',
      resourceVersion: '1',
      labels: { [labels.tenantUid]: 'an earlier one' },
      annotations: { [annotations.issuer]: issuer },
    },
  });

  it('includes the volume, so that it is the heir to delete it', async () => {
    const observed = await install('keys');
    const plan = planTenant({ ...observed, objects: [volumeOf('https://id.acme.example')] }, release, now);
    expect(plan.repair.map(({ name }) => name)).toEqual(['data-acme-database-0']);
  });

  it("stalls a tenant on another issuer's volume alone", () => {
    const plan = planTenant({ ...nothing(), objects: [volumeOf('https://other.example')] }, release, now);
    expect(condition(plan, 'Stalled')).toMatchObject({ reason: 'RetainedObjectsOfAnotherIssuer' });
    expect([plan.repair, plan.secrets, plan.apply]).toEqual([[], [], []]);
  });

  it('a volume on its way out is waited for, without a word of alarm', async () => {
    const volume = volumeOf('https://id.acme.example');
    const leaving = { ...volume, metadata: { ...volume.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    const plan = planTenant({ ...nothing(), objects: [leaving], databaseVolumeExists: true }, release, now);
    expect(condition(plan, 'Reconciling')).toMatchObject({ reason: 'Waiting' });
    expect([plan.secrets, plan.events]).toEqual([[], []]);
  });

  it('nor a salt of pairwise subjects that auth has never had: it is made, for tenants of before', async () => {
    const observed = await install('ready');
    const secrets = new Map(observed.secrets);
    secrets.delete('acme-pairwise-salt');
    const objects = observed.objects.filter(({ metadata }) => metadata.name !== 'acme-auth');
    const plan = planTenant({ ...observed, secrets, objects }, release, now);
    expect(plan.secrets.map(({ name }) => name)).toEqual(['acme-pairwise-salt']);
  });

  it.each(['data-encryption-keys', 'cookie-keys', 'database-credentials', 'pairwise-salt'])(
    'lost %s are never made anew',
    async (name) => {
      const observed = await install('ready');
      const secrets = new Map(observed.secrets);
      secrets.delete(`acme-${name}`);
      const plan = planTenant({ ...observed, secrets }, release, now);
      expect(condition(plan, 'Stalled')).toMatchObject({ reason: 'EncryptionKeyMissing' });
      expect(plan.secrets).toEqual([]);
    },
  );
});

describe('removal', () => {
  const owned = (kind: string, name: string): LiveObject => ({
    apiVersion: 'v1',
    kind,
    metadata: {
      name,
      uid: name,
      resourceVersion: '1',
      labels: { [labels.managedBy]: managedByValue, [labels.tenantUid]: '11111111-1111-4111-8111-111111111111' },
      ownerReferences: [
        { apiVersion: 'v1', kind: 'IdentityTenant', name: 'acme', uid: '11111111-1111-4111-8111-111111111111' },
      ],
    },
  });

  it('takes what nothing desires, but settings that a ReplicaSet still names', async () => {
    const observed = await install('ready');
    const plan = planTenant(
      {
        ...observed,
        objects: [...observed.objects, owned('ConfigMap', 'acme-auth-old'), owned('ConfigMap', 'acme-auth-unused')],
        settingsInUse: new Set(['acme-auth-old']),
      },
      release,
      now,
    );
    expect(plan.remove.map(({ metadata }) => metadata.name)).toEqual(['acme-auth-unused']);
  });

  it('never takes what has no owner', async () => {
    const observed = await install('ready');
    const { ownerReferences: _none, ...metadata } = owned('PersistentVolumeClaim', 'data-acme-database-0').metadata;
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { ...metadata, annotations: { [annotations.issuer]: 'x' } },
    };
    expect(planTenant({ ...observed, objects: [...observed.objects, claim] }, release, now).remove).toEqual([]);
  });
});

describe('certificates', () => {
  it('are renewed after 20 days, and the services go on', async () => {
    const observed = await install('ready');
    const plan = planTenant(observed, release, new Date(now.getTime() + 21 * 86_400_000));
    expect(plan.secrets.map(({ name, write }) => `${write} ${name}`).sort()).toEqual([
      'renew acme-auth-identity',
      'renew acme-gateway-identity',
      'renew acme-operator-identity',
      'renew acme-token-store-identity',
    ]);
    expect(condition(plan, 'Ready')?.status).toBe('True');
  });
});

describe('a damaged key', () => {
  const damage = async (name: string) => {
    const observed = await install('ready');
    const secret = observed.secrets.get(name);
    if (secret === undefined) throw new Error(`there is no ${name}`);
    const entries = { ...secret.entries, 'tls.key': 'damaged' };
    return { ...observed, secrets: new Map([...observed.secrets, [name, { ...secret, entries }]]) };
  };
  const written = (plan: Plan) => plan.secrets.map(({ name, write }) => `${write} ${name}`);

  it('of a certificate has that made anew at once, and nothing else', async () => {
    const observed = await damage('acme-auth-identity');
    const plan = planTenant(observed, release, now);
    expect(written(plan)).toEqual(['renew acme-auth-identity']);
    expect(condition(plan, 'Ready')?.status).toBe('True');
    expect(planTenant(await carryOut(observed, plan), release, now).secrets).toEqual([]);
  });

  it('of the CA has that made anew, and then all that it signed; meanwhile nothing is told to trust it', async () => {
    const observed = await damage('acme-internal-ca');
    const plan = planTenant(observed, release, now);
    expect([written(plan), plan.apply]).toEqual([['renew acme-internal-ca'], []]);
    const next = planTenant(await carryOut(observed, plan), release, now);
    expect(written(next)).toHaveLength(5);
    expect(written(next)).toContain('renew acme-auth-identity');
  });
});

describe('a certificate that is due', () => {
  const later = new Date(now.getTime() + 21 * 86_400_000);

  it('is renewed while something that the spec names is missing', async () => {
    const field = 'spec.gateway.tls.secretName';
    const reference = { field, kind: 'Secret', name: 'acme-tls', requiredEntries: ['tls.crt'] } as const;
    const plan = planTenant({ ...(await install('ready')), references: [reference] }, release, later);
    expect(condition(plan, 'ReferencesResolved')?.status).toBe('False');
    expect(plan.secrets.map(({ name }) => name)).toContain('acme-auth-identity');
    expect(plan.secrets.every(({ write }) => write === 'renew')).toBe(true);
  });
});

describe('a database URL that is none', () => {
  it.each([
    'db.example.com',
    'postgres://owner:s3cret@',
    'https://owner:s3cret@db.example.com/x',
    'postgres://a:b:c@/x',
  ])('%s: is said without a word of it, and nothing is built of it', async (url) => {
    const field = 'spec.database.connection.secretRef';
    const found = { uid: 'u', resourceVersion: '1', entries: { url } };
    const spec = { database: { connection: { secretRef: { name: 'db' } } } };
    const references = [{ field, kind: 'Secret', name: 'db', requiredEntries: ['url'], found } as const];
    const observed = { ...(await install('ready')), tenant: buildTenant(spec), references };
    const plan = planTenant(observed, release, now);
    expect(condition(plan, 'Stalled')).toMatchObject({ reason: 'DatabaseUrlInvalid' });
    expect(JSON.stringify(plan.status)).not.toContain('s3cret');
    expect(plan.apply).toEqual([]);
  });
});

describe('zones', () => {
  it('one lost zone of three is said, and two suffice for Required', async () => {
    const observed = await install('ready', { availability: { zoneSpread: 'Required' } });
    const before = { ...observed, tenant: { ...observed.tenant, status: planTenant(observed, release, now).status } };
    const pods = before.pods.filter(({ nodeName }) => nodeName === 'node1');
    const plan = planTenant({ ...before, pods }, release, now);
    expect(condition(plan, 'ZoneRedundant')).toMatchObject({ status: 'False', reason: 'ZoneMissing' });
    expect(plan.events.map(({ reason }) => reason)).toContain('ZoneLost');
    expect(condition(plan, 'Ready')?.status).toBe('False');
  });
});

describe('a zone that drops out and comes back', () => {
  const down = nodes.map(({ readySince: _since, ...node }) =>
    node.zone === 'zone-3' ? node : { ...node, readySince: 0 },
  );
  /** Where the pods of the lost zone have started again. */
  const elsewhere = (observed: Observed, createdAt: number): Observed => ({
    ...observed,
    pods: observed.pods.map((pod) => (pod.nodeName === 'node3' ? { ...pod, nodeName: 'node1', createdAt } : pod)),
  });
  const tellsOfZones = (plan: Plan) =>
    plan.events.map(({ reason }) => reason).filter((reason) => /Zone|Rebalanced/.test(reason));

  it('is told once each, and pods go back to it one at a time', async () => {
    let observed: Observed = { ...(await install('ready')), nodes: down };
    const pass = (at: Date): Plan => {
      const plan = planTenant(observed, release, at);
      observed = { ...observed, tenant: { ...observed.tenant, status: plan.status } };
      return plan;
    };
    pass(now);
    expect(tellsOfZones(pass(now))).toEqual([]);
    const lost = await install('ready');
    observed = { ...lost, nodes: down };
    const first = pass(now);
    expect(tellsOfZones(first)).toEqual(['ZoneLost']);
    expect(condition(first, 'ZoneRedundant')).toMatchObject({ status: 'True', reason: 'ZoneDown' });
    expect(first.evict).toEqual([]);

    observed = elsewhere(observed, now.getTime());
    const back = now.getTime() + 1_000;
    observed = {
      ...observed,
      nodes: nodes.map((node) => (node.zone === 'zone-3' ? { ...node, readySince: back } : node)),
    };
    const returned = pass(new Date(back));
    expect(tellsOfZones(returned)).toEqual(['ZoneRestored']);
    expect(condition(returned, 'ZoneRedundant')).toMatchObject({ status: 'True', reason: 'Unbalanced' });
    expect(returned.evict).toEqual([]);
    expect(returned.requeueAfterMilliseconds).toBeLessThanOrEqual(20_000);

    const moved = pass(new Date(back + 20_000));
    expect(moved.evict).toEqual(['token-store-node3']);
    expect(
      planTenant(
        { ...observed, tenant: { ...observed.tenant, spec: { ...observed.tenant.spec, paused: true } } },
        release,
        new Date(back + 20_000),
      ).evict,
    ).toEqual([]);
    observed = { ...observed, pods: lost.pods };
    const balanced = pass(new Date(back + 60_000));
    expect(tellsOfZones(balanced)).toEqual(['Rebalanced']);
    expect(condition(balanced, 'ZoneRedundant')).toMatchObject({ status: 'True', reason: 'Spread' });
    expect(balanced.evict).toEqual([]);
  });

  it('moves nothing while a rollout is under way', async () => {
    const ready = elsewhere(await install('ready'), -1_000);
    const at = new Date(now.getTime() + 3_600_000);
    expect(planTenant(ready, release, at).evict).toHaveLength(1);
    const rolling = withStatus(ready, 'Deployment', {
      observedGeneration: 1,
      replicas: 4,
      updatedReplicas: 1,
      availableReplicas: 3,
    });
    expect(planTenant(rolling, release, at).evict).toEqual([]);
  });
});

it('labels of nodes that come roll nothing that runs; another change takes them in', async () => {
  const unlabelled = nodes.map(({ zone: _zone, ...node }) => node);
  const labelled = { ...(await install('ready', {}, unlabelled)), nodes };
  const plan = planTenant(labelled, release, now);
  expect(condition(plan, 'Ready')?.status).toBe('True');
  const templates = (of: Plan) => JSON.stringify(of.apply.filter(({ kind }) => kind === 'Deployment'));
  expect(templates(plan)).not.toContain('topology.kubernetes.io/zone');
  const changed = { ...labelled, tenant: buildTenant({ auth: { session: { idleTimeout: '1h' } } }, { generation: 2 }) };
  expect(templates(planTenant(changed, release, now))).toContain('topology.kubernetes.io/zone');
});

describe('paused', () => {
  const pause = (observed: Observed, generation = 2): Observed => ({
    ...observed,
    tenant: { ...buildTenant({ paused: true }, { generation }), status: observed.tenant.status },
  });

  it('writes nothing, and says that changes wait for somebody', async () => {
    const plan = planTenant(pause(await install('migration')), release, now);
    expect([plan.apply, plan.secrets, plan.replicas, plan.remove]).toEqual([[], [], [], []]);
    expect(plan.status.observedGeneration).toBe(2);
    expect(condition(plan, 'Ready')).toMatchObject({ status: 'False', reason: 'Paused' });
    expect(condition(plan, 'Stalled')).toMatchObject({ status: 'True', reason: 'Paused' });
    expect(condition(plan, 'Reconciling')).toBeUndefined();
  });

  it('is Ready when what runs is what is asked for, and says so', async () => {
    const plan = planTenant(pause(await install('ready')), release, now);
    expect(condition(plan, 'Ready')).toMatchObject({ status: 'True', reason: 'Paused' });
    expect(condition(plan, 'Ready')?.message).toContain('spec.paused');
    expect(condition(plan, 'Stalled')).toBeUndefined();
  });

  it('leaves what Kubernetes repairs by itself in progress', async () => {
    const observed = withStatus(await install('ready'), 'Deployment', { observedGeneration: 1, availableReplicas: 2 });
    const plan = planTenant(pause(observed), release, now);
    expect(condition(plan, 'Reconciling')).toMatchObject({ reason: 'MinimumReplicasUnavailable' });
    expect(condition(plan, 'Ready')?.message).toContain('spec.paused');
  });

  it('does not come back every second for a certificate that it may not renew', async () => {
    const later = new Date(now.getTime() + 25 * 86_400_000);
    expect(planTenant(pause(await install('ready')), release, later).requeueAfterMilliseconds).toBeGreaterThan(60_000);
  });
});
