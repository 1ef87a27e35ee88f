import { describe, expect, it } from 'vitest';
import { buildTenant, buildTestBlueprint } from '../../testing/tenants.ts';
import type { Observed } from '../observed.ts';
import { decideVolume, planVolumeGrowth } from './database-volume.ts';

const observe = (
  managed: Record<string, unknown>,
  claim: { storage: string; phase?: string; storageClassName?: string } | undefined,
  volumeRefused?: string,
): Observed => ({
  tenant: buildTenant({ database: { managed } }),
  objects:
    claim === undefined
      ? []
      : [
          {
            apiVersion: 'v1',
            kind: 'PersistentVolumeClaim',
            metadata: { name: 'data-acme-database-0', uid: 'v', resourceVersion: '1' },
            spec: { resources: { requests: { storage: claim.storage } }, storageClassName: claim.storageClassName },
            status: { phase: claim.phase ?? 'Bound' },
            // A claim in the fields that are read.
          } as Observed['objects'][number],
        ],
  secrets: new Map(),
  references: [],
  pods: [],
  settingsInUse: new Set(),
  nodes: [],
  served: new Set(),
  databaseVolumeExists: claim !== undefined,
  ...(volumeRefused === undefined ? {} : { volumeRefused }),
});

const blueprintOf = ({ tenant }: Observed) => buildTestBlueprint(tenant);

describe('the growth of the volume', () => {
  it.each([
    ['what is asked for is there', '10Gi', { storage: '10Gi' }, undefined],
    ['another spelling of the same is the same', '10240Mi', { storage: '10Gi' }, undefined],
    ['more is asked for', '20Gi', { storage: '10Gi' }, '20Gi'],
    ['a volume that is larger already stays', '10Gi', { storage: '50Gi' }, undefined],
    ['a claim that waits for its volume cannot be changed', '20Gi', { storage: '10Gi', phase: 'Pending' }, undefined],
    ['a spelling of somebody else is left alone', '20Gi', { storage: '1e10' }, undefined],
    ['there is no volume yet', '20Gi', undefined, undefined],
  ])('%s', (_case, storage, claim, asked) => {
    const observed = observe({ storage }, claim);
    expect(planVolumeGrowth(observed, blueprintOf(observed))?.storage).toBe(asked);
  });
});

describe('what no volume can do', () => {
  it('another StorageClass is named with the one that it has', () => {
    const observed = observe({ storageClassName: 'fast' }, { storage: '10Gi', storageClassName: 'slow' });
    expect(decideVolume(observed, blueprintOf(observed))).toMatchObject({
      reason: 'StorageClassFixed',
      message: expect.stringContaining('"slow"'),
    });
  });

  it("the cluster's default class is no other class", () => {
    const observed = observe({}, { storage: '10Gi', storageClassName: 'slow' });
    expect(decideVolume(observed, blueprintOf(observed))).toBeUndefined();
  });

  it('a refusal is told in the words of the API server', () => {
    const observed = observe(
      { storage: '20Gi' },
      { storage: '10Gi' },
      'only dynamically provisioned pvc can be resized',
    );
    expect(decideVolume(observed, blueprintOf(observed))).toMatchObject({
      reason: 'VolumeNotExpandable',
      message: expect.stringMatching(/from 10Gi to 20Gi; .*only dynamically provisioned/),
    });
  });
});
