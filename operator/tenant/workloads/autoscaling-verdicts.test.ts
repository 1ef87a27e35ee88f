import { describe, expect, it } from 'vitest';
import type { LiveObject } from '../../runtime/kubernetes-object.ts';
import { buildTenant, buildTestBlueprint } from '../../testing/tenants.ts';
import { projectAutoscaler } from '../caches/object-projections.ts';
import type { TenantVerdict } from '../status/tenant-verdicts.ts';
import { tellAutoscaling } from './autoscaling-verdicts.ts';

const since = '2026-01-01T00:00:00Z';
const laterBy = (seconds: number) => new Date(Date.parse(since) + seconds * 1_000);

type HpaCondition = { type: string; status: string; reason?: string; message?: string; lastTransitionTime?: string };

const noMetrics: HpaCondition = {
  type: 'ScalingActive',
  status: 'False',
  reason: 'FailedGetContainerResourceMetric',
  message: 'no metrics returned from resource metrics API',
  lastTransitionTime: since,
};
const noScale: HpaCondition = { ...noMetrics, type: 'AbleToScale', reason: 'FailedUpdateScale', message: 'forbidden' };

const autoscaler = (...conditions: HpaCondition[]): LiveObject =>
  projectAutoscaler({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'acme-auth', uid: 'u', resourceVersion: '1' },
    status: { currentReplicas: 3, conditions },
    // An autoscaler in the fields that are read.
  } as LiveObject);

const available: TenantVerdict = {
  type: 'AuthAvailable',
  status: 'True',
  reason: 'AllAvailable',
  message: '3 of 3 pods of auth are available',
};
const stuck: TenantVerdict = { ...available, status: 'False', reason: 'RolloutStuck' };
const gateway: TenantVerdict = { ...available, type: 'GatewayAvailable' };
const scaled = { auth: { autoscaling: { minReplicas: 3, maxReplicas: 9 } } };

const tell = (live: LiveObject, now: Date, verdict = available, spec: Record<string, unknown> = scaled) =>
  tellAutoscaling(
    [verdict, gateway],
    buildTestBlueprint(buildTenant(spec)),
    { autoscaler: (component) => (component === 'auth' ? live : undefined) },
    now,
  );

describe('an autoscaler that does not do its work', () => {
  it('is told of the service that is available all the same, and of no other', () => {
    expect(tell(autoscaler(noMetrics), laterBy(120))).toEqual({
      verdicts: [
        {
          type: 'AuthAvailable',
          status: 'True',
          reason: 'NotScaling',
          message:
            '3 of 3 pods of auth are available, and as many whatever the load: HorizontalPodAutoscaler "acme-auth" says FailedGetContainerResourceMetric: no metrics returned from resource metrics API',
        },
        gateway,
      ],
      lookAgainMilliseconds: undefined,
    });
    expect(tell(autoscaler(noScale), laterBy(120)).verdicts[0]?.message).toContain('FailedUpdateScale: forbidden');
  });

  it('has two minutes, as the metrics of new pods take their time', () => {
    const { verdicts, lookAgainMilliseconds } = tell(autoscaler(noMetrics), laterBy(119));
    expect([verdicts, lookAgainMilliseconds]).toEqual([[available, gateway], 1_000]);
  });

  it.each<[string, HpaCondition, number]>([
    ['a clock that is ahead', noMetrics, -3_600],
    ['no time', { type: 'ScalingActive', status: 'False' }, 120],
  ])('has them whole with %s', (_case, condition, seconds) => {
    const { verdicts, lookAgainMilliseconds } = tell(autoscaler(condition), laterBy(seconds));
    expect([verdicts, lookAgainMilliseconds]).toEqual([[available, gateway], 120_000]);
  });

  it.each<[string, TenantVerdict, LiveObject, Record<string, unknown>]>([
    ['the service is not available', stuck, autoscaler(noMetrics), scaled],
    ['it is on its way out', available, autoscaler(noMetrics), { auth: { replicas: 3 } }],
    ['it works', available, autoscaler({ ...noMetrics, status: 'True' }), scaled],
    ['it has reached its limit', available, autoscaler({ ...noMetrics, type: 'ScalingLimited' }), scaled],
  ])('is no news when %s', (_case, verdict, live, spec) => {
    const told = tell(live, laterBy(120), verdict, spec);
    expect(told).toEqual({ verdicts: [verdict, gateway], lookAgainMilliseconds: undefined });
  });
});

it('what an autoscaler reports of the load is not kept', () => {
  const working = [
    { type: 'ScalingActive', status: 'True' },
    { type: 'ScalingLimited', status: 'False' },
  ];
  expect(autoscaler(...working)).not.toHaveProperty('status');
  expect(autoscaler(noMetrics, ...working)).toHaveProperty('status', { conditions: [noMetrics] });
});
