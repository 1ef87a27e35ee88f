import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createRuntimeMetrics } from './metrics.ts';
import { FakeClock } from './testing/fake-clock.ts';

test('counts under the names that dashboards for controller-runtime ask for', async () => {
  const registry = new Registry();
  const clock = new FakeClock();
  const metrics = createRuntimeMetrics(registry, clock);
  const controller = metrics.controller('tenant', 4);
  controller.reconciled('success', 0.01);
  controller.reconciled('error', 0.2);
  const queue = metrics.workQueue('tenant');
  queue.added();
  queue.depth(1);
  queue.taken('shop/one', 0.001);
  queue.done('shop/one', 0.01);
  queue.taken('shop/two', 0.001);
  clock.advanceSync(2_000);
  queue.taken('shop/three', 0.001);
  clock.advanceSync(3_000);
  queue.retried();
  metrics.leaderElection('operator').leading(true);
  metrics.observeRequest({ method: 'GET', host: 'api:443', code: '200', seconds: 0.03 });

  const lines = (await registry.metrics()).split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      'controller_runtime_reconcile_total{controller="tenant",result="success"} 1',
      'controller_runtime_reconcile_total{controller="tenant",result="requeue_after"} 0',
      'controller_runtime_reconcile_errors_total{controller="tenant"} 1',
      'controller_runtime_reconcile_time_seconds_count{controller="tenant"} 2',
      'controller_runtime_max_concurrent_reconciles{controller="tenant"} 4',
      'workqueue_depth{name="tenant",controller="tenant"} 1',
      'workqueue_adds_total{name="tenant",controller="tenant"} 1',
      'workqueue_retries_total{name="tenant",controller="tenant"} 1',
      'workqueue_queue_duration_seconds_count{name="tenant",controller="tenant"} 3',
      'workqueue_work_duration_seconds_count{name="tenant",controller="tenant"} 1',
      'workqueue_unfinished_work_seconds{name="tenant",controller="tenant"} 8',
      'workqueue_longest_running_processor_seconds{name="tenant",controller="tenant"} 5',
      'leader_election_master_status{name="operator"} 1',
      'rest_client_requests_total{code="200",method="GET",host="api:443"} 1',
      'rest_client_request_duration_seconds_bucket{le="0.025",verb="GET",host="api:443"} 0',
      'rest_client_request_duration_seconds_bucket{le="0.1",verb="GET",host="api:443"} 1',
    ]),
  );
});
