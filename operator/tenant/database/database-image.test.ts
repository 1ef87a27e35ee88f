import { describe, expect, it } from 'vitest';
import type { LiveObject } from '../../runtime/kubernetes-object.ts';
import { install, release as installed, nothing, now } from '../../testing/observations.ts';
import { buildTenant } from '../../testing/tenants.ts';
import type { OperatorRelease } from '../operator-release.ts';
import { planTenant } from '../plan.ts';
import { decideTarget } from '../workloads/target-version.ts';
import { decideDefaultDatabaseImage } from './database-image.ts';

const release: OperatorRelease = {
  version: '0.3.0',
  image: 'identity:0.3.0',
  databaseImage: 'mirror.example:5000/postgres:18.4@sha256:0000',
  previous: [{ version: '0.2.0', unknownSettings: {} }],
};

const running = (image: string): LiveObject =>
  ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'acme-database', uid: 'u', resourceVersion: '1' },
    spec: { template: { spec: { containers: [{ image }] } } },
    // A StatefulSet in the fields that are read.
  }) as LiveObject;

type Case = {
  readonly spec?: Record<string, unknown>;
  readonly version?: string;
  readonly targetVersion?: string;
  readonly known?: string;
  readonly live?: string;
};

const decide = ({ spec = {}, version, targetVersion, known, live }: Case) => {
  const status = {
    ...(version === undefined ? {} : { version }),
    ...(targetVersion === undefined ? {} : { targetVersion }),
    ...(known === undefined ? {} : { database: { defaultImage: known } }),
  };
  const observed = { tenant: { ...buildTenant(spec), status }, objects: live === undefined ? [] : [running(live)] };
  return decideDefaultDatabaseImage(observed, decideTarget(observed, release), release);
};

const pinned = { version: '0.2.0' };
const named = (image: string) => ({ database: { managed: { image } } });
const [old, theirs] = ['postgres:18', release.databaseImage];

describe('the image of a managed database that names none', () => {
  it.each<[string, Case, string]>([
    ['a new tenant: the operator’s', {}, theirs],
    ['a new one that pins its version: too', { spec: pinned }, theirs],
    ['pinned: what runs', { spec: pinned, version: '0.2.0', known: old }, old],
    ['pinned, to the operator’s own version', { spec: { version: '0.3.0' }, version: '0.3.0', known: old }, old],
    ['pinned, on its way to that version', { spec: { version: '0.3.0' }, version: '0.2.0', known: old }, theirs],
    ['pinned, on its way to another', { spec: pinned, version: '0.3.0', known: old }, old],
    ['it waits for its turn', { version: '0.2.0', known: old }, old],
    ['its turn', { version: '0.2.0', targetVersion: '0.3.0', known: old }, theirs],
    ['a turn of a version between', { version: '0.1.0', targetVersion: '0.2.0', known: old }, old],
    ['it has followed', { version: '0.3.0', known: old }, theirs],
    ['of a version that this operator cannot run', { version: '0.0.1', known: old }, old],
    ['the StatefulSet was changed by hand', { spec: pinned, version: '0.2.0', known: old, live: 'evil:18' }, old],
    ['the status was lost', { spec: pinned, live: old }, old],
    [
      'the status was lost, and what runs is named',
      { spec: { ...pinned, ...named('mine:18') }, live: 'mine:18' },
      theirs,
    ],
    ['the default is kept beside what is named', { spec: { ...pinned, ...named('mine:18') }, known: old }, old],
    [
      'another major version is never taken',
      { version: '0.3.0', known: 'postgres:17.5-alpine' },
      'postgres:17.5-alpine',
    ],
    ['nor one that cannot be told', { version: '0.3.0', known: 'postgres@sha256:18' }, 'postgres@sha256:18'],
    ['nor by the port of a registry', { version: '0.3.0', known: 'mirror:18/postgres' }, 'mirror:18/postgres'],
  ])('%s', (_case, of, expected) => {
    expect(decide(of)).toBe(expected);
  });
});

describe('the status', () => {
  const next = { ...installed, databaseImage: 'postgres:18.4' };
  const defaultOf = (observed: Parameters<typeof planTenant>[0], by = next) =>
    planTenant(observed, by, now).status.database?.defaultImage;

  it('remembers the image from the first pass that makes the database', async () => {
    expect(defaultOf({ ...(await install('keys')), objects: [] }, installed)).toBe('postgres:18');
  });

  it('says nothing of an image that a pause holds up', async () => {
    const observed = await install('ready');
    expect(defaultOf(observed)).toBe('postgres:18.4');
    const spec = { ...observed.tenant.spec, paused: true };
    expect(defaultOf({ ...observed, tenant: { ...observed.tenant, spec } })).toBe('postgres:18');
  });

  it('says nothing of it where the database is the user’s', async () => {
    const observed = await install('ready');
    const { status } = planTenant(observed, installed, now);
    const { tenant } = nothing({ database: { cloudNativePG: { clusterName: 'main' } } });
    const field = 'spec.database.cloudNativePG.clusterName';
    const missing = { field, kind: 'Secret', name: 'main-app', requiredEntries: [] } as const;
    expect(status.database?.defaultImage).toBe('postgres:18');
    expect(defaultOf({ ...observed, tenant: { ...tenant, status }, references: [missing] })).toBeUndefined();
  });
});
