import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { IPod } from 'kubernetes-models/v1';
import { describe, expect, it } from 'vitest';
import { decideRollout, findObstacle } from './rollout.ts';

const complete = { observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 3 };

const deployment = (status: Record<string, number>): IDeployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'acme-auth', generation: 2 },
  spec: {
    replicas: 3,
    selector: {},
    template: { spec: { containers: [{ name: 'auth', image: 'identity:2' }] } },
  },
  status: { ...complete, ...status },
});

describe('decideRollout', () => {
  it.each([
    ['has the new image everywhere', {}, undefined],
    ['was not looked at since it was changed', { observedGeneration: 1 }, 'its change was not noticed yet'],
    ['has few new pods', { updatedReplicas: 1 }, '1 of 3 pods are current'],
    ['still has old pods', { replicas: 4 }, '1 pods of before are still there'],
    ['has pods that are not available', { availableReplicas: 2 }, '2 of 3 pods are available'],
  ])('a Deployment that %s', (_what, status, pending) => {
    expect(decideRollout(deployment(status), 'identity:2')).toEqual(
      pending === undefined ? { done: undefined } : { pending },
    );
  });

  it('waits for a Deployment that nobody has given the new image yet', () => {
    expect(decideRollout(deployment({}), 'identity:3')).toEqual({ pending: 'it still asks for identity:2' });
  });

  it('takes any image when none is named, and no Deployment for a rollout', () => {
    expect(decideRollout(deployment({}), undefined)).toEqual({ done: undefined });
    expect(decideRollout(undefined, undefined)).toEqual({ pending: 'it is not there yet' });
  });
});

describe('findObstacle', () => {
  const pod = (waiting: { reason: string; message?: string } | undefined): IPod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'auth-1' },
    status: {
      containerStatuses: [
        {
          name: 'auth',
          image: '',
          imageID: '',
          ready: false,
          restartCount: 0,
          ...(waiting === undefined ? {} : { state: { waiting } }),
        },
      ],
    },
  });

  it('names the container, its pod and the reason', () => {
    const pods = [pod(undefined), pod({ reason: 'ImagePullBackOff', message: 'no such image' })];
    expect(findObstacle(pods)).toBe('container auth of pod auth-1 waits: ImagePullBackOff: no such image');
    expect(findObstacle([pod({ reason: 'CrashLoopBackOff' })])).toBe(
      'container auth of pod auth-1 waits: CrashLoopBackOff',
    );
  });

  it('sees none in pods that run, or that are being made', () => {
    expect(findObstacle([pod(undefined), pod({ reason: 'ContainerCreating' })])).toBeUndefined();
  });
});
