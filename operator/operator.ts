import type { KubeConfig } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { fieldManagers } from './api/group.ts';
import { reconcileClient } from './client/reconcile-client.ts';
import { connectFleet, createFleetObserver, createFleetReconciler } from './fleet/reconcile-fleet.ts';
import { systemClock } from './runtime/clock.ts';
import { type Reconcile, runController } from './runtime/controller.ts';
import { createEventRecorder } from './runtime/event-recorder.ts';
import { guardWrites } from './runtime/guarded-client.ts';
import { createKubernetesClient } from './runtime/kubernetes-client.ts';
import { objectKey } from './runtime/kubernetes-object.ts';
import { runLeaderElection } from './runtime/leader-election.ts';
import { createRuntimeMetrics } from './runtime/metrics.ts';
import { WorkQueue } from './runtime/work-queue.ts';
import { createFieldMutations } from './tenant/caches/field-mutations.ts';
import { optionalResources } from './tenant/caches/optional-resources.ts';
import { rememberWrites } from './tenant/caches/remember-writes.ts';
import { createSettledTenants } from './tenant/caches/settled-tenants.ts';
import { createStatusPace } from './tenant/caches/status-pace.ts';
import { createTenantCaches } from './tenant/caches/tenant-caches.ts';
import { createTenantConfirmation } from './tenant/caches/tenant-confirmation.ts';
import { customResources } from './tenant/custom-resources.ts';
import { type AskPeriods, createInternalStates } from './tenant/health/internal-states.ts';
import type { OperatorRelease } from './tenant/operator-release.ts';
import { reconcileTenant } from './tenant/reconcile-tenant.ts';
import { createReferencedContent } from './tenant/references/referenced-content.ts';
import { watchServiceAccountTokens } from './tenant/service-account-tokens.ts';
import { connectWakeUps } from './wake-ups.ts';

export type OperatorOptions = {
  readonly kubeConfig: KubeConfig;
  readonly release: OperatorRelease;
  /** How many tenants may follow the operator to its version at once. */
  readonly maxRollingTenants: number;
  /** Namespaces whose tenants are looked after; all when left out. */
  readonly namespaces?: readonly string[] | undefined;
  /** Namespace of the Lease. */
  readonly namespace: string;
  /** Unique among candidates and restarts. */
  readonly identity: string;
  /** Orderly stop: no more keys are taken, those in flight finish, the lease is released. */
  readonly stop: AbortSignal;
  readonly log: Logger;
  readonly metrics: Registry;
  /** How often pods are asked how they are; for tests, which do not wait for a minute. */
  readonly askPeriods?: AskPeriods;
  /** Called when the caches are complete and whenever leadership changes. */
  readonly onState?: (state: { synced: boolean; leading: boolean }) => void;
};

/**
 * Keys that are worked on at a time. More tenants at once are not made faster, since the API server is busy with four already;
 * their requests only stand before those of a change that somebody waits for.
 */
const concurrency = { tenant: 6, client: 10, fleet: 1 } as const;
/** Of these, kept free for changes of what is there while hundreds of new ones are made. */
const reserved = { tenant: 2, client: 2, fleet: 0 } as const;
/** For one reconcile of one key, ms. */
const timeoutMs = 60_000;

/**
 * Runs the operator until `stop`, or until the lease is lost: then the process ends, so that nothing of the lost term
 * lives on. Standbys watch too, so that a new leader starts with warm caches.
 */
export const runOperator = async (options: OperatorOptions): Promise<'stopped' | 'lost'> => {
  const { kubeConfig, release, namespace, identity, stop, log, onState = () => undefined } = options;
  const clock = systemClock;
  const random = Math.random;
  const metrics = createRuntimeMetrics(options.metrics);
  const client = createKubernetesClient(kubeConfig, {
    fieldManager: fieldManagers.objects,
    userAgent: `identity-operator/${release.version}`,
    maxInFlight: 32,
    resources: [...Object.values(customResources), ...Object.values(optionalResources)],
    observeRequest: metrics.observeRequest,
  });
  const caches = createTenantCaches(options.namespaces);
  const queues = {
    tenant: new WorkQueue({ clock, random, observer: metrics.workQueue('tenant') }),
    client: new WorkQueue({ clock, random, observer: metrics.workQueue('client') }),
    fleet: new WorkQueue({ clock, random, observer: metrics.workQueue('fleet') }),
  };
  const fleetObserver = createFleetObserver(options.metrics);
  connectWakeUps(caches, queues.tenant, queues.client);
  connectFleet(caches, queues.fleet);

  const ended = new AbortController();
  const watching = Promise.all(
    caches.watched.map((kind) => kind.run({ client, signal: ended.signal, clock, random, log })),
  );
  await Promise.all(caches.watched.map((kind) => kind.waitForSync(stop)));
  onState({ synced: !stop.aborted, leading: false });

  const result = await runLeaderElection({
    client,
    namespace,
    name: 'identity-operator',
    identity,
    stop,
    clock,
    random,
    log,
    observer: metrics.leaderElection('identity-operator'),
    lead: async ({ lost, mayWrite }) => {
      const leader = rememberWrites(guardWrites(client, mayWrite), caches);
      const events = createEventRecorder({
        client: leader,
        component: 'identity-operator',
        instance: identity,
        clock,
        log,
      });
      const mutations = createFieldMutations();
      const pace = createStatusPace(() => clock.monotonic());
      const settled = createSettledTenants();
      const confirmation = createTenantConfirmation();
      const content = createReferencedContent(client);
      const states = createInternalStates({
        caches,
        onChange: (key) => queues.tenant.add(key, 'urgent'),
        clock,
        random,
        log,
        ...(options.askPeriods === undefined ? {} : { periods: options.askPeriods }),
      });
      const serviceAccountTokens = watchServiceAccountTokens({
        client: leader,
        clock,
        log,
        onChange: () => {
          for (const { metadata } of caches.tenants.list())
            queues.tenant.add(objectKey(metadata.namespace, metadata.name), 'low');
        },
      });
      // Before the first tenant: without them, one would take away the keys that its pods have.
      await serviceAccountTokens.refresh(AbortSignal.any([stop, lost]));
      const shared = { caches, client: leader, events, now: () => new Date(clock.now()), log };
      const reconcilers: Readonly<Record<keyof typeof queues, Reconcile>> = {
        tenant: (key, signal) =>
          reconcileTenant(
            { ...shared, content, states, serviceAccountTokens, release, mutations, pace, settled, confirmation },
            key,
            signal,
          ),
        client: (key, signal) => reconcileClient(shared, key, signal),
        fleet: createFleetReconciler({
          ...shared,
          release,
          maxRolling: options.maxRollingTenants,
          observer: fleetObserver,
        }),
      };
      onState({ synced: true, leading: true });
      const asking = new AbortController();
      const background = AbortSignal.any([asking.signal, stop, lost]);
      const backgroundEnded = Promise.all([states.run(background), serviceAccountTokens.run(background)]);
      await Promise.all(
        (['tenant', 'client', 'fleet'] as const).map((name) =>
          runController({
            name,
            queue: queues[name],
            reconcile: reconcilers[name],
            concurrency: concurrency[name],
            reserved: reserved[name],
            timeoutMs,
            stop,
            abort: lost,
            clock,
            log,
            observer: metrics.controller(name, concurrency[name]),
          }),
        ),
      );
      asking.abort();
      await backgroundEnded;
      if (!lost.aborted) await events.flush();
      onState({ synced: true, leading: false });
    },
  });
  ended.abort();
  await watching;
  await client.close();
  return result;
};
