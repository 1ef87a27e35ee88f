import type { IConfigMap } from 'kubernetes-models/v1';
import { labels } from '../../operator/api/group.ts';
import type { IdentityTenant } from '../../operator/api/identity-tenant.ts';
import { systemClock } from '../../operator/runtime/clock.ts';
import { InformerCache } from '../../operator/runtime/informer-cache.ts';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import { type LiveObject, objectKey } from '../../operator/runtime/kubernetes-object.ts';
import { runReflector } from '../../operator/runtime/reflector.ts';
import { builtInResources } from '../../operator/runtime/resource-kind.ts';
import { silentLog } from '../../operator/runtime/testing/silent-log.ts';
import { customResources } from '../../operator/tenant/custom-resources.ts';
import { bareName, type FleetTenant, liveSettingsName } from './fleet.ts';

/** How a tenant stands for its generation; `Unknown` while the operator has not answered for it. */
export type TenantState = 'Ready' | 'Stalled' | 'Reconciling' | 'Unknown';

/** Sees the fleet by watches, as a user's dashboard would. */
export type FleetWatch = {
  /** How many tenants are in a state. */
  readonly count: (state: TenantState) => number;
  /** Resolves at the moment at which that many are. */
  readonly waitForCount: (state: TenantState, count: number, deadline: number) => Promise<void>;
  /** Resolves at the moment at which the tenant's live settings of the token-store hold `text`. */
  readonly waitForLiveSettings: (tenant: FleetTenant, text: string, deadline: number) => Promise<void>;
  /** The same of the tenant's object that no operator knows. */
  readonly waitForBareObject: (tenant: FleetTenant, text: string, deadline: number) => Promise<void>;
  readonly stop: () => Promise<void>;
};

type Tenant = LiveObject & Partial<Pick<IdentityTenant, 'status'>>;

const readState = ({ metadata, status }: Tenant): TenantState => {
  if (status?.observedGeneration !== metadata.generation) return 'Unknown';
  const holds = (type: string) =>
    status?.conditions?.some((one) => one.type === type && one.status === 'True') === true;
  return (['Ready', 'Stalled', 'Reconciling'] as const).find(holds) ?? 'Unknown';
};

/** A cache, of whatever. */
type Changing = { readonly onChange: (listener: () => void) => () => void };

/** Resolves when `holds` does after one of `cache`'s changes, or does already. */
const waitFor = (what: string, cache: Changing, holds: () => boolean, deadline: number): Promise<void> =>
  new Promise((resolve, reject) => {
    if (holds()) return resolve();
    const timer = setTimeout(() => {
      forget();
      reject(new Error(`gave up waiting for ${what} after ${deadline / 1000} s`));
    }, deadline);
    const forget = cache.onChange(() => {
      if (!holds()) return;
      clearTimeout(timer);
      forget();
      resolve();
    });
  });

export const startFleetWatch = async (client: KubernetesClient): Promise<FleetWatch> => {
  const stop = new AbortController();
  const counts = new Map<TenantState, number>();
  const tenants = new InformerCache<TenantState, LiveObject>({ project: readState });
  tenants.onChange(({ before, after }) => {
    if (before !== undefined) counts.set(before, (counts.get(before) ?? 0) - 1);
    if (after !== undefined) counts.set(after, (counts.get(after) ?? 0) + 1);
  });
  const settings = new InformerCache<string, LiveObject & IConfigMap>({
    project: ({ data }) => Object.values(data ?? {}).join(),
  });
  const shared = { client, signal: stop.signal, clock: systemClock, random: Math.random, log: silentLog };
  const running = Promise.all([
    runReflector({ ...shared, resource: customResources.identityTenants, store: tenants }),
    runReflector<LiveObject & IConfigMap>({
      ...shared,
      resource: builtInResources.configMaps,
      labelSelector: `${labels.component}=token-store`,
      store: settings,
    }),
  ]);
  await Promise.all([tenants, settings].map((cache) => cache.waitForSync(AbortSignal.timeout(20_000))));
  const waitForText = (namespace: string, name: string, text: string, deadline: number): Promise<void> => {
    const holds = () => settings.get(namespace, name)?.includes(text) === true;
    return waitFor(objectKey(namespace, name), settings, holds, deadline);
  };
  const count = (state: TenantState) => counts.get(state) ?? 0;
  return {
    count,
    waitForCount: (state, wanted, deadline) =>
      waitFor(`${wanted} tenants to be ${state}`, tenants, () => count(state) >= wanted, deadline),
    waitForLiveSettings: (tenant, text, deadline) =>
      waitForText(tenant.namespace, liveSettingsName(tenant), text, deadline),
    waitForBareObject: (tenant, text, deadline) => waitForText(tenant.namespace, bareName(tenant), text, deadline),
    stop: async () => {
      stop.abort();
      await running;
    },
  };
};
