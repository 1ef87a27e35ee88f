import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { internalStateSchema } from '../../../services/shared/contracts/internal-state.ts';
import { objectNames } from '../../manifests/object-names.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { objectKey } from '../../runtime/kubernetes-object.ts';
import type { TenantCaches } from '../caches/tenant-caches.ts';
import type { ObservedPod } from '../observed.ts';
import { createPodPeer } from './pod-peer.ts';
import {
  type HealthMemory,
  isDoubtful,
  nextHealth,
  nothingKnown,
  type PodState,
  type TenantHealth,
} from './tenant-health.ts';

/** What the tenants' pods say, kept in memory alone: a tenant whose pods say nothing new costs no write and no read. */
export type InternalStates = {
  /** Of the tenant `namespace/name` with this UID; undefined before anybody has been asked. */
  readonly healthOf: (key: string, uid: string) => TenantHealth | undefined;
  /** Asks until the signal aborts. */
  readonly run: (signal: AbortSignal) => Promise<void>;
};

type Options = {
  readonly caches: Pick<TenantCaches, 'tenants' | 'pods' | 'secrets'>;
  /** Told of each tenant of which something else is known than before. */
  readonly onChange: (key: string) => void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly periods?: AskPeriods;
};

/** How often one pod of each service of a tenant is asked, and how soon again while something is lost or in doubt, ms. */
export type AskPeriods = { readonly quiet: number; readonly doubtful: number };

const defaultPeriods: AskPeriods = { quiet: 60_000, doubtful: 5_000 };
const tick = 500;
const timeoutMilliseconds = 3_000;
/** Tenants that are asked at once. */
const parallelism = 16;
/** Of pods that are not ready, so many a service are asked besides. */
const unreadyPods = 2;

const asked = ['token-store', 'auth'] as const;
type Asked = (typeof asked)[number];

/** `uid`: one that is made anew under its name has pods of its own, and nothing of what the old ones said. */
type Entry = { readonly uid: string; due: number; turn: number; memory: HealthMemory };

/** Those to ask of a service in this turn: one that is ready, another each time, and some that are not. */
const choosePods = (pods: readonly ObservedPod[], component: Asked, turn: number): ObservedPod[] => {
  const mine = pods
    .filter((pod) => pod.component === component && !pod.terminating && pod.address !== undefined)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const ready = mine.filter((pod) => pod.ready);
  const one = ready[turn % Math.max(ready.length, 1)];
  return [...(one === undefined ? [] : [one]), ...mine.filter((pod) => !pod.ready).slice(0, unreadyPods)];
};

const parseState = (text: string): Pick<PodState, 'state'> => {
  try {
    return { state: internalStateSchema.parse(JSON.parse(text)) };
  } catch {
    // A version that says something else: as good as no answer.
    return {};
  }
};

export const createInternalStates = (options: Options): InternalStates => {
  const { caches, onChange, clock, random, log, periods = defaultPeriods } = options;
  const entries = new Map<string, Entry>();
  /** A period, more or less: many tenants that began together do not stay together. */
  const jittered = (period: number): number => period * (0.8 + 0.4 * random());

  const askService = async (
    tenant: { readonly namespace: string; readonly name: string },
    component: Asked,
    turn: number,
  ): Promise<PodState[]> => {
    const { namespace, name } = tenant;
    const identity = caches.secrets.get(namespace, objectNames.identity({ name }, 'operator'))?.entries;
    const pods = choosePods(caches.pods.byIndex('tenant', objectKey(namespace, name)), component, turn);
    if (identity === undefined || pods.length === 0) return [];
    const peer = createPodPeer({ namespace, tenant: name }, component, identity, timeoutMilliseconds);
    try {
      return await Promise.all(
        pods.map(async ({ address = '', ready }) => {
          const answer = await peer.ask(address, 'GET', '/internal/state');
          return { component, ready, ...(answer.ok && answer.status === 200 ? parseState(answer.text) : {}) };
        }),
      );
    } finally {
      await peer.close();
    }
  };

  const askTenant = async (key: string, entry: Entry, tenant: { namespace: string; name: string }): Promise<void> => {
    // Also when it fails: not again at once.
    entry.due = clock.monotonic() + jittered(periods.quiet);
    const answers = (await Promise.all(asked.map((component) => askService(tenant, component, entry.turn)))).flat();
    entry.turn += 1;
    if (answers.length > 0) {
      const before = entry.memory.health;
      entry.memory = nextHealth(entry.memory, answers);
      if (!isDeepStrictEqual(before, entry.memory.health)) {
        log.debug({ tenant: key, health: entry.memory.health }, 'pods say something new');
        onChange(key);
      }
    }
    // Pods that do not stand yet will soon.
    const soon = answers.length === 0 || isDoubtful(entry.memory);
    entry.due = clock.monotonic() + jittered(soon ? periods.doubtful : periods.quiet);
  };

  /** The tenants that are there, each with an entry; of those that have gone nothing stays. */
  const listDue = (firstPeriod: number) => {
    const now = clock.monotonic();
    const present = new Set<string>();
    const due: { key: string; entry: Entry; tenant: { namespace: string; name: string } }[] = [];
    for (const { metadata } of caches.tenants.list()) {
      const { namespace = '', name, uid } = metadata;
      const key = objectKey(namespace, name);
      present.add(key);
      const known = entries.get(key);
      const isKnown = known?.uid === uid;
      const entry = isKnown ? known : { uid, due: now + random() * firstPeriod, turn: 0, memory: nothingKnown };
      entries.set(key, entry);
      if (entry.due <= now) due.push({ key, entry, tenant: { namespace, name } });
    }
    for (const key of entries.keys()) if (!present.has(key)) entries.delete(key);
    return due;
  };

  return {
    healthOf: (key, uid) => {
      const entry = entries.get(key);
      return entry?.uid !== uid || entry.memory.health === nothingKnown.health ? undefined : entry.memory.health;
    },
    run: async (signal) => {
      // At the start all tenants are new: they are spread over a whole period.
      listDue(periods.quiet);
      while (!signal.aborted) {
        const due = listDue(periods.doubtful);
        const askNext = async (): Promise<void> => {
          for (let next = due.shift(); next !== undefined && !signal.aborted; next = due.shift())
            await askTenant(next.key, next.entry, next.tenant).catch((error: unknown) => {
              log.error({ err: error, tenant: next.key }, 'pods could not be asked');
            });
        };
        await Promise.all(Array.from({ length: parallelism }, askNext));
        await sleep(clock, tick, signal);
      }
    },
  };
};
