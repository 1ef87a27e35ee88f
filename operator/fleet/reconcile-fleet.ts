import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import { apiVersion, fieldManagers } from '../api/group.ts';
import type { ReconcileResult } from '../runtime/controller.ts';
import type { EventRecorder } from '../runtime/event-recorder.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import { hasReason } from '../runtime/kubernetes-error.ts';
import type { WorkQueue } from '../runtime/work-queue.ts';
import type { TenantCaches } from '../tenant/caches/tenant-caches.ts';
import type { OperatorRelease } from '../tenant/operator-release.ts';
import { type FleetTenant, parseFleetTenant } from './fleet-tenant.ts';
import { nextTurns, type Turns } from './next-turns.ts';

/** The fleet is one thing to reconcile, however many tenants it has. */
export const fleetKey = 'fleet';

/** What giving turns needs. */
export type FleetReconciler = {
  readonly caches: Pick<TenantCaches, 'tenants'>;
  readonly client: Pick<KubernetesClient, 'applyStatus'>;
  readonly events: EventRecorder;
  readonly release: OperatorRelease;
  /** How many tenants may have their turn at once. */
  readonly maxRolling: number;
  readonly observer: FleetObserver;
  readonly now: () => Date;
  readonly log: Logger;
};

/** Told of each decision. */
export type FleetObserver = (turns: Turns) => void;

/** Counts tenants by how they stand to the operator's version. Registers once a registry. */
export const createFleetObserver = (registry: Registry): FleetObserver => {
  const tenants = new Gauge({
    name: 'identity_operator_fleet_tenants',
    help: 'Tenants without a pinned version that do not run the version of the operator yet, by state.',
    labelNames: ['state'] as const,
    registers: [registry],
  });
  return ({ give, rolling, failed, waiting, passedOver }) => {
    tenants.set({ state: 'rolling' }, rolling.length + give.length);
    tenants.set({ state: 'failed' }, failed.length);
    tenants.set({ state: 'waiting' }, waiting.length);
    tenants.set({ state: 'passed_over' }, passedOver.length);
  };
};

/** A fleet that changes is looked at once a second: a turn takes longer than that, and thousands may change at once. */
const paceMilliseconds = 1_000;

/** Wakes the fleet when a tenant has changed. */
export const connectFleet = ({ tenants }: Pick<TenantCaches, 'tenants'>, queue: WorkQueue): void => {
  tenants.onChange(() => queue.addAfter(fleetKey, paceMilliseconds));
};

/** Gives turns and ends them, by a field manager of their own: a tenant's report neither sets nor drops them. */
export const createFleetReconciler = (reconciler: FleetReconciler) => {
  const { caches, client, events, release, maxRolling, observer, now, log } = reconciler;
  /** Told of already, until they recover. */
  let told: ReadonlySet<string> = new Set();
  /**
   * Whose turn began though they were not Ready. A process that comes after this one does not know it: to it they have
   * failed, and it says how the others get on.
   */
  const rescued = new Set<string>();

  const write = async (
    { metadata }: FleetTenant,
    status: { readonly targetVersion?: string },
    signal: AbortSignal,
  ): Promise<boolean> => {
    try {
      // With its resourceVersion: what was decided holds of exactly this tenant.
      await client.applyStatus(
        { apiVersion, kind: 'IdentityTenant', metadata, status },
        { fieldManager: fieldManagers.fleet, signal },
      );
      return true;
    } catch (error) {
      // It has changed, or is gone: that wakes the fleet again.
      if (hasReason(error, 'Conflict') || hasReason(error, 'NotFound')) return false;
      throw error;
    }
  };

  const tellFailed = (failed: readonly FleetTenant[]): void => {
    for (const { key, metadata, targetVersion, message } of failed) {
      if (told.has(metadata.uid)) continue;
      log.error({ tenant: key, targetVersion }, 'upgrades of the fleet stopped');
      const object = caches.tenants.get(metadata.namespace, metadata.name);
      if (object === undefined) continue;
      const advice = 'no other tenant begins until it is Ready, paused, or pinned to a version';
      events.record(object, {
        type: 'Warning',
        reason: 'UpgradesStopped',
        message: `at its turn to run ${targetVersion} the tenant does not become Ready: ${message.slice(0, 500)}; ${advice}`,
      });
    }
    told = new Set(failed.map(({ metadata }) => metadata.uid));
  };

  return async (_key: string, signal: AbortSignal): Promise<ReconcileResult> => {
    const tenants = caches.tenants.list().flatMap((object) => parseFleetTenant(object) ?? []);
    const turns = nextTurns(tenants, release, maxRolling, now(), rescued);
    observer(turns);
    tellFailed(turns.failed);
    for (const tenant of turns.end) {
      rescued.delete(tenant.metadata.uid);
      await write(tenant, {}, signal);
    }
    for (const { tenant, targetVersion } of turns.redirect) {
      if (!(await write(tenant, { targetVersion }, signal))) continue;
      log.info({ tenant: tenant.key, before: tenant.targetVersion, targetVersion }, 'turn redirected');
    }
    for (const { tenant, targetVersion } of turns.give) {
      if (!(await write(tenant, { targetVersion }, signal))) continue;
      if (!tenant.ready) rescued.add(tenant.metadata.uid);
      log.info({ tenant: tenant.key, from: tenant.version, targetVersion }, 'turn given');
    }
    return turns.lookAgainMilliseconds === undefined ? {} : { requeueAfter: turns.lookAgainMilliseconds };
  };
};
