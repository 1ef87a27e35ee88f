import type { InternalState } from '../../../services/shared/contracts/internal-state.ts';

/** Whether the pods reach something; `error` is the code of one that does not. */
export type Reachability = { readonly reachable: true } | { readonly reachable: false; readonly error: string };

/** What the pods of a tenant say, as far as they have been asked. */
export type TenantHealth = {
  readonly database?: Reachability;
  readonly cache?: Reachability;
  /** Nobody has answered for a while: what was known is forgotten. */
  readonly silent?: true;
};

/** What one pod said; `state` is absent when it did not answer. */
export type PodState = {
  readonly component: 'auth' | 'token-store';
  readonly ready: boolean;
  readonly state?: InternalState;
};

/** What is known of a tenant from one round of asking to the next. */
export type HealthMemory = {
  readonly health: TenantHealth;
  /** Rounds in a row that contradict what is held to be so, or that nobody answered in. */
  readonly doubts: { readonly database: number; readonly cache: number; readonly silence: number };
};

export const nothingKnown: HealthMemory = { health: {}, doubts: { database: 0, cache: 0, silence: 0 } };

/** One answer may be a moment of a failover; two in a row are told. What is good again is told at once. */
const roundsUntilTold = 2;

const toReachability = ({ reachable, error }: { reachable: boolean; error?: string | undefined }): Reachability =>
  reachable ? { reachable } : { reachable, error: error ?? 'UNKNOWN' };

/** What the pods of one service say together: the ready ones count, and one that reaches it is enough. */
const judgeService = (
  pods: readonly PodState[],
  component: PodState['component'],
  part: 'database' | 'cache',
): Reachability | undefined => {
  const answered = pods.filter((pod) => pod.component === component && pod.state?.[part] !== undefined);
  const ready = answered.filter((pod) => pod.ready);
  const said = (ready.length > 0 ? ready : answered).flatMap(({ state }) => state?.[part] ?? []).map(toReachability);
  return said.find(({ reachable }) => reachable) ?? said[0];
};

/** Every service must reach it: each has a role, and so a way of failing, of its own. */
const judge = (pods: readonly PodState[], part: 'database' | 'cache'): Reachability | undefined => {
  const services = (['token-store', 'auth'] as const)
    .map((component) => judgeService(pods, component, part))
    .filter((one) => one !== undefined);
  return services.find(({ reachable }) => !reachable) ?? services[0];
};

const nextPart = (
  known: Reachability | undefined,
  now: Reachability | undefined,
  doubts: number,
): { value: Reachability | undefined; doubts: number } => {
  if (now === undefined || now.reachable) return { value: now ?? known, doubts: 0 };
  // Codes of one loss differ from pod to pod and from moment to moment; the first one is kept.
  if (known?.reachable === false && (known.error === 'DATABASE_CHANGED') === (now.error === 'DATABASE_CHANGED'))
    return { value: known, doubts: 0 };
  return doubts + 1 >= roundsUntilTold ? { value: now, doubts: 0 } : { value: known, doubts: doubts + 1 };
};

/** What is known after a round of asking. */
export const nextHealth = ({ health, doubts }: HealthMemory, pods: readonly PodState[]): HealthMemory => {
  if (pods.every(({ state }) => state === undefined)) {
    const silence = Math.min(doubts.silence + 1, roundsUntilTold);
    const forgotten = silence >= roundsUntilTold;
    return { health: forgotten ? { silent: true } : health, doubts: { database: 0, cache: 0, silence } };
  }
  const database = nextPart(health.database, judge(pods, 'database'), doubts.database);
  const cache = nextPart(health.cache, judge(pods, 'cache'), doubts.cache);
  return {
    health: {
      ...(database.value === undefined ? {} : { database: database.value }),
      ...(cache.value === undefined ? {} : { cache: cache.value }),
    },
    doubts: { database: database.doubts, cache: cache.doubts, silence: 0 },
  };
};

/** Whether the next round should come soon: something is lost, or seems to be. */
export const isDoubtful = ({ health, doubts }: HealthMemory): boolean =>
  doubts.database + doubts.cache + doubts.silence > 0 ||
  health.database?.reachable === false ||
  health.cache?.reachable === false;
