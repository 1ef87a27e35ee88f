import { expect, it } from 'vitest';
import { KubernetesError } from '../runtime/kubernetes-error.ts';
import { buildTenant } from '../testing/tenants.ts';
import { planFailureReport } from './reconcile-failure.ts';

const now = new Date('2026-01-01T00:00:00Z');
const failure = (reason: string) =>
  new KubernetesError({ message: `POST /x: 500 ${reason}: a webhook`, status: 500, reason });
const condition = (type: string, status: 'True' | 'False') => ({
  type,
  status,
  reason: 'Some',
  message: 'some',
  lastTransitionTime: '2025-12-31T00:00:00Z',
});

const withConditions = (...conditions: ReturnType<typeof condition>[]) => ({
  ...buildTenant({}, { generation: 2 }),
  status: { observedGeneration: 2, conditions },
});

it("tells what failed, by the API server's words, with Reconciling alone, and once by an event", () => {
  const tenant = withConditions(
    condition('Ready', 'False'),
    condition('Stalled', 'True'),
    condition('DatabaseReady', 'True'),
  );
  const report = planFailureReport(tenant, failure('InternalError'), now);
  expect(report?.status.conditions?.map(({ type }) => type)).toEqual(['Ready', 'Reconciling', 'DatabaseReady']);
  expect(report?.status.conditions?.[1]).toMatchObject({
    reason: 'ReconcileFailed',
    message: expect.stringContaining('webhook'),
  });
  expect(report?.events).toHaveLength(1);
  const again = planFailureReport({ ...tenant, status: report?.status ?? {} }, failure('InternalError'), now);
  expect(again).toEqual({ status: report?.status, events: [] });
});

it('says no more than the name of an error of our own, which may hold anything', () => {
  const error = Object.assign(new TypeError('s3cret'), { input: 's3cret' });
  expect(JSON.stringify(planFailureReport(withConditions(), error, now))).not.toContain('s3cret');
});

it('leaves what runs as asked Ready, and keeps silent about a conflict', () => {
  expect(planFailureReport(withConditions(condition('Ready', 'True')), failure('InternalError'), now)).toBeUndefined();
  expect(planFailureReport(withConditions(), failure('Conflict'), now)).toBeUndefined();
});
