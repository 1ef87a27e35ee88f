import type { IDeployment } from 'kubernetes-models/apps/v1';
import { describe, expect, it } from 'vitest';
import { buildTenant, buildTestBlueprint } from '../../testing/tenants.ts';
import type { Live } from '../installation-steps.ts';
import { planReplicas, readReplicaTarget } from './replica-plan.ts';

type Spec = Readonly<Record<string, unknown>>;
/** `replicas` of the live Deployment: null when there is none, undefined when it names no number. */
type LiveAuth = { readonly replicas: number | null | undefined; readonly hasAutoscaler?: boolean };

const deploymentOf = ({ replicas }: LiveAuth): IDeployment | undefined =>
  replicas === null
    ? undefined
    : {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'acme-auth', uid: 'seen' },
        spec: { ...(replicas === undefined ? {} : { replicas }), selector: {}, template: {} },
      };

const liveOf = (auth: LiveAuth): Live => ({
  deployment: (component) => (component === 'auth' ? deploymentOf(auth) : undefined),
  autoscaler: () =>
    auth.hasAutoscaler
      ? {
          apiVersion: 'autoscaling/v2',
          kind: 'HorizontalPodAutoscaler',
          metadata: { name: 'acme-auth', uid: 'u', resourceVersion: '1' },
        }
      : undefined,
  database: 'external',
});

const blueprintOf = (auth: Spec, mode = 'HighlyAvailable') =>
  buildTestBlueprint(buildTenant({ auth, availability: { mode } }));

const autoscaling = { autoscaling: { minReplicas: 3, maxReplicas: 9 } };

describe('the number of pods that is written', () => {
  it.each<[string, Spec, LiveAuth, number | undefined]>([
    ['of a new Deployment, three', {}, { replicas: 1 }, 3],
    ['of a new Deployment whose number is the default', {}, { replicas: undefined }, 3],
    ['of a new Deployment that is autoscaled, the minimum', autoscaling, { replicas: 1, hasAutoscaler: true }, 3],
    ['fixed, as it is', { replicas: 5 }, { replicas: 5 }, undefined],
    ['fixed, drifted up', { replicas: 5 }, { replicas: 7 }, 5],
    ['fixed, drifted down', { replicas: 5 }, { replicas: 0 }, 5],
    ['fixed at none', { replicas: 0 }, { replicas: 3 }, 0],
    ['autoscaled, above the minimum: the number of the autoscaler', autoscaling, { replicas: 7 }, undefined],
    ['autoscaled, at the minimum', autoscaling, { replicas: 3 }, undefined],
    ['autoscaled, above the maximum: the autoscaler corrects it', autoscaling, { replicas: 12 }, undefined],
    ['autoscaled, below the minimum', autoscaling, { replicas: 2 }, 3],
    ['autoscaled, at 0, where an autoscaler rests', autoscaling, { replicas: 0, hasAutoscaler: true }, 3],
    [
      'autoscaled no more, while the autoscaler is there',
      { replicas: 2 },
      { replicas: 7, hasAutoscaler: true },
      undefined,
    ],
    ['autoscaled no more, when it is gone', { replicas: 2 }, { replicas: 7 }, 2],
    ['of what is not in the cache, where it may stand at any number', autoscaling, { replicas: null }, undefined],
  ])('%s', (_what, auth, live, replicas) => {
    const planned = planReplicas(blueprintOf(auth), liveOf(live));
    expect(planned).toEqual(replicas === undefined ? [] : [{ deployment: 'acme-auth', uid: 'seen', replicas }]);
  });

  it('is one under Single, whatever else is said', () => {
    for (const auth of [{}, { replicas: 5 }, autoscaling])
      expect(planReplicas(blueprintOf(auth, 'Single'), liveOf({ replicas: 3 }))).toEqual([
        { deployment: 'acme-auth', uid: 'seen', replicas: 1 },
      ]);
  });
});

describe('what counts as available', () => {
  it.each<[string, Spec, LiveAuth, { required: number; desired: number }]>([
    ['fixed: all of them', { replicas: 5 }, { replicas: 2 }, { required: 5, desired: 5 }],
    ['autoscaled: the minimum, while more are asked for', autoscaling, { replicas: 7 }, { required: 3, desired: 7 }],
    ['autoscaled, below the minimum', autoscaling, { replicas: 1 }, { required: 3, desired: 3 }],
    ['autoscaled, not there yet', autoscaling, { replicas: null }, { required: 3, desired: 3 }],
  ])('%s', (_what, auth, live, target) => {
    expect(readReplicaTarget(blueprintOf(auth), 'auth', liveOf(live))).toEqual(target);
  });
});
