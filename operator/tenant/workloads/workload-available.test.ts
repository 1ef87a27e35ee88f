import type { IDeployment } from 'kubernetes-models/apps/v1';
import { describe, expect, it } from 'vitest';
import { decideWorkloadAvailable, type ToldBefore } from './workload-state.ts';

type Status = NonNullable<IDeployment['status']>;

const deploymentOf = (replicas: number, status: Partial<Status>): IDeployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'acme-auth', generation: 1 },
  spec: { replicas, selector: {}, template: {} },
  status: { observedGeneration: 1, ...status },
});

const running = (pods: number): Partial<Status> => ({
  replicas: pods,
  readyReplicas: pods,
  updatedReplicas: pods,
  availableReplicas: pods,
});

const decide = (
  deployment: IDeployment,
  target: { required: number; desired: number },
  told: ToldBefore = { conditions: [], generation: 1 },
) => decideWorkloadAvailable('auth', deployment, target, [], true, told);

/** AuthAvailable as it was told of a generation of the tenant. */
const told = (status: 'True' | 'False', observedGeneration: number): ToldBefore => ({
  conditions: [
    {
      type: 'AuthAvailable',
      status,
      reason: 'AllAvailable',
      message: '',
      observedGeneration,
      lastTransitionTime: '2026-01-01T00:00:00Z',
    },
  ],
  generation: 2,
});

describe('a Deployment whose controller has not answered yet', () => {
  const target = { required: 3, desired: 7 };
  const scaled = (replicas: number, status: Partial<Status>): IDeployment => ({
    ...deploymentOf(replicas, status),
    metadata: { name: 'acme-auth', generation: 2 },
  });

  it('goes on being available when another number of pods is all that it was asked for', () => {
    expect(decide(scaled(7, running(5)), target, told('True', 2))).toMatchObject({ status: 'True' });
  });

  it.each([
    ['its template may have changed', scaled(7, running(7)), told('True', 2)],
    ['it was not available before', scaled(7, running(5)), told('False', 2)],
    ['the tenant has changed meanwhile', scaled(7, running(5)), told('True', 1)],
    ['a rollout was under way', scaled(7, { ...running(5), replicas: 6 }), told('True', 2)],
  ])('does not when %s', (_what, deployment, before) => {
    expect(decide(deployment, target, before)).toMatchObject({ status: 'False', reason: 'RolloutInProgress' });
  });
});

describe('an autoscaled service', () => {
  it('is available with its minimum while more are asked for', () => {
    const verdict = decide(deploymentOf(6, running(4)), { required: 3, desired: 6 });
    expect(verdict).toMatchObject({ status: 'True', message: '4 of 6 pods of auth are available' });
  });

  it('is not with fewer', () => {
    const verdict = decide(deploymentOf(6, running(2)), { required: 3, desired: 6 });
    expect(verdict).toMatchObject({ status: 'False', reason: 'MinimumReplicasUnavailable' });
  });

  it('is not while pods of the revision before are there', () => {
    const verdict = decide(deploymentOf(4, { ...running(4), replicas: 5 }), { required: 3, desired: 4 });
    expect(verdict).toMatchObject({ status: 'False', reason: 'RolloutInProgress' });
  });
});

it('says why no pod can be made at all', () => {
  const conditions = [
    {
      type: 'ReplicaFailure',
      status: 'True',
      reason: 'FailedCreate',
      message: 'pods "acme-auth-" is forbidden: no PriorityClass with name high was found',
    },
  ];
  const verdict = decide(deploymentOf(3, { conditions }), { required: 3, desired: 3 });
  expect(verdict.message).toBe(
    '0 of 3 pods of auth are available; no pod can be made: pods "acme-auth-" is forbidden: no PriorityClass with name high was found',
  );
});
