import type { MigrationReport } from '../../services/shared/contracts/migration-report.ts';
import { annotations } from '../api/group.ts';
import { generateEntries } from '../keys/generated-secret.ts';
import { withDesiredHash } from '../runtime/desired-state.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import { decodeEntries } from '../tenant/caches/object-projections.ts';
import type { Observed, ObservedSecret } from '../tenant/observed.ts';
import type { OperatorRelease } from '../tenant/operator-release.ts';
import { type Plan, planTenant } from '../tenant/plan.ts';
import { buildSecretMetadata } from '../tenant/secrets/secret-plan.ts';
import { buildTenant } from './tenants.ts';

/** What the operator of these observations brings along. */
export const release: OperatorRelease = {
  version: '0.1.0',
  image: 'identity-operator:0.1.0',
  databaseImage: 'postgres:18',
};
/** When everything here is observed. */
export const now = new Date('2026-01-01T00:00:00Z');
/** One ready node in each of three zones. */
export const nodes = ['zone-1', 'zone-2', 'zone-3'].map((zone, index) => ({
  name: `node${index + 1}`,
  zone,
  labels: {},
  readySince: 0,
  open: true,
}));

/** A tenant of this spec, of which nothing is there yet. */
export const nothing = (spec: Record<string, unknown> = {}): Observed => ({
  tenant: buildTenant(spec),
  objects: [],
  secrets: new Map(),
  references: [],
  pods: [],
  settingsInUse: new Set(),
  nodes,
  served: new Set(),
  databaseVolumeExists: false,
});

/** The observation after a plan's writes: what a real API server would then show. */
export const carryOut = async (observed: Observed, plan: Plan, at = now): Promise<Observed> => {
  const secrets = new Map(observed.secrets);
  for (const planned of plan.secrets) {
    const metadata = { ...buildSecretMetadata(plan.blueprint, planned), uid: planned.name, resourceVersion: '1' };
    const secret: ObservedSecret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      entries: await generateEntries(planned.content, at),
    };
    secrets.set(planned.name, secret);
  }
  const objects = new Map(observed.objects.map((object) => [`${object.kind}/${object.metadata.name}`, object]));
  for (const object of plan.apply) {
    if (object.kind === 'Secret') {
      const { name = '', ...metadata } = withDesiredHash(object, annotations.desiredHash).metadata ?? {};
      const stored = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { ...metadata, name, uid: name, resourceVersion: '1' },
      };
      secrets.set(name, { ...stored, entries: decodeEntries(object) });
      continue;
    }
    const key = `${object.kind}/${object.metadata?.name}`;
    // What the API server adds to an object that it stores.
    objects.set(key, {
      ...objects.get(key),
      ...object,
      metadata: {
        ...withDesiredHash(object, annotations.desiredHash).metadata,
        uid: key,
        resourceVersion: '1',
        generation: 1,
      },
    } as LiveObject);
  }
  const { secretName = '', entries = {} } = plan.remember ?? {};
  const credentials = secrets.get(secretName);
  if (credentials !== undefined)
    secrets.set(secretName, { ...credentials, entries: { ...credentials.entries, ...entries } });
  for (const { kind, metadata } of plan.remove) objects.delete(`${kind}/${metadata.name}`);
  return { ...observed, secrets, objects: [...objects.values()], tenant: { ...observed.tenant, status: plan.status } };
};

/** The same with a status, and more of a spec, on every object of a kind: what its controller would write. */
export const withStatus = (
  observed: Observed,
  kind: string,
  status: unknown,
  spec: Record<string, unknown> = {},
): Observed => ({
  ...observed,
  objects: observed.objects.map((object) =>
    object.kind === kind
      ? ({ ...object, spec: { ...('spec' in object ? (object.spec as object) : {}), ...spec }, status } as LiveObject)
      : object,
  ),
});

/** The managed database runs. */
export const databaseReady = (observed: Observed) => withStatus(observed, 'StatefulSet', { readyReplicas: 1 });
/** What migrate reports of a database of this id. */
export const migrationReport: MigrationReport = {
  outcome: 'migrated',
  schemaVersion: '1',
  applied: [],
  databaseId: 'the-data',
};
/** The migrate Job is complete, and its pod is there to say what it found. */
export const migrated = (observed: Observed, report = migrationReport): Observed => ({
  ...withStatus(observed, 'Job', {
    conditions: [{ type: 'Complete', status: 'True', lastTransitionTime: now.toISOString() }],
  }),
  pods: observed.objects
    .filter(({ kind }) => kind === 'Job')
    .map(({ metadata }) => ({
      name: `${metadata.name}-x`,
      component: 'migrate',
      ready: false,
      terminating: false,
      ended: true,
      createdAt: 0,
      terminationMessage: JSON.stringify(report),
    })),
});
/** Every service has a ready pod in each zone. */
export const rolledOut = (observed: Observed): Observed => ({
  ...withStatus(
    observed,
    'Deployment',
    { observedGeneration: 1, replicas: 3, readyReplicas: 3, updatedReplicas: 3, availableReplicas: 3 },
    { replicas: 3 },
  ),
  pods: ['gateway', 'auth', 'token-store'].flatMap((component) =>
    nodes.map(({ name }) => ({
      name: `${component}-${name}`,
      component,
      ready: true,
      terminating: false,
      createdAt: 0,
      nodeName: name,
    })),
  ),
});

/** Everything up to the given point of a first installation. */
export const install = async (
  until: 'keys' | 'database' | 'migration' | 'ready',
  spec: Record<string, unknown> = {},
  on: Observed['nodes'] = nodes,
): Promise<Observed> => {
  let observed: Observed = { ...nothing(spec), nodes: on };
  const pass = async () => {
    observed = await carryOut(observed, planTenant(observed, release, now));
  };
  await pass();
  await pass();
  await pass();
  if (until === 'keys') return observed;
  observed = databaseReady(observed);
  if (until === 'database') return observed;
  await pass();
  observed = migrated(observed);
  if (until === 'migration') return observed;
  await pass();
  return rolledOut(observed);
};
