import type { InternalState } from '../../../services/shared/contracts/internal-state.ts';

/** Whether the pods reach something; `error` is the code of one that does not. */
export type Reachability = { readonly reachable: true } | { readonly reachable: false; readonly error: string };

/** What the pods of a tenant say, as far as they have been asked. */
export type TenantHealth = {
  readonly database?: Reachability;
  readonly cache?: Reachability;
  /** Nobody has answered for a while: what was good is forgotten; a lost database is one until somebody reaches it. */
  readonly silent?: true;
};

/** What one pod said; `state` is absent when it did not answer. */
export type PodState = {
  readonly component: 'auth' | 'token-store';
  readonly ready: boolean;
  readonly state?: InternalState;
};

type Part = 'database' | 'cache';

/** What is held to be so of one service, and how many rounds in a row contradict it. */
type Held = { readonly value?: Reachability; readonly doubts: number };
type HeldParts = Readonly<Record<Part, Held>>;

/** What is known of a tenant from one round of asking to the next. */
export type HealthMemory = {
  readonly health: TenantHealth;
  /** A service's word is taken back by that service alone: each has a role, and so a way of failing, of its own. */
  readonly held: Readonly<Record<PodState['component'], HeldParts>>;
  /** Rounds in a row that nobody answered in. */
  readonly silence: number;
};

const nothingHeld: HeldParts = { database: { doubts: 0 }, cache: { doubts: 0 } };

export const nothingKnown: HealthMemory = {
  health: {},
  held: { 'token-store': nothingHeld, auth: nothingHeld },
  silence: 0,
};

/** One answer may be a moment of a failover; two in a row are told. What is good again is told at once. */
const roundsUntilTold = 2;

const toReachability = ({ reachable, error }: { reachable: boolean; error?: string | undefined }): Reachability =>
  reachable ? { reachable } : { reachable, error: error ?? 'UNKNOWN' };

/** What the pods of one service say together: the ready ones count, and one that reaches it is enough. */
const judgeService = (
  pods: readonly PodState[],
  component: PodState['component'],
  part: Part,
): Reachability | undefined => {
  const answered = pods.filter((pod) => pod.component === component && pod.state?.[part] !== undefined);
  const ready = answered.filter((pod) => pod.ready);
  const said = (ready.length > 0 ? ready : answered).flatMap(({ state }) => state?.[part] ?? []).map(toReachability);
  return said.find(({ reachable }) => reachable) ?? said[0];
};

const nextHeld = ({ value: known, doubts }: Held, now: Reachability | undefined): Held => {
  const asBefore = known === undefined ? {} : { value: known };
  if (now === undefined) return { ...asBefore, doubts: 0 };
  if (now.reachable) return { value: now, doubts: 0 };
  // Codes of one loss differ from pod to pod and from moment to moment; the first one is kept.
  if (known?.reachable === false && (known.error === 'DATABASE_CHANGED') === (now.error === 'DATABASE_CHANGED'))
    return { value: known, doubts: 0 };
  return doubts + 1 >= roundsUntilTold ? { value: now, doubts: 0 } : { ...asBefore, doubts: doubts + 1 };
};

const services = ['token-store', 'auth'] as const satisfies readonly PodState['component'][];

const mapHeld = (
  held: HealthMemory['held'],
  next: (parts: HeldParts, service: PodState['component']) => HeldParts,
): HealthMemory['held'] => ({
  'token-store': next(held['token-store'], 'token-store'),
  auth: next(held.auth, 'auth'),
});

/** Every service must reach it. */
const judge = (held: HealthMemory['held'], part: Part): Reachability | undefined => {
  const known = services.map((service) => held[service][part].value).filter((one) => one !== undefined);
  return known.find(({ reachable }) => !reachable) ?? known[0];
};

const toHealth = (held: HealthMemory['held']): TenantHealth => {
  const [database, cache] = [judge(held, 'database'), judge(held, 'cache')];
  return { ...(database === undefined ? {} : { database }), ...(cache === undefined ? {} : { cache }) };
};

/** What stays of it when nobody answers any more. */
const forget = ({ database }: HeldParts): HeldParts => ({
  ...nothingHeld,
  database: database.value?.reachable === false ? { value: database.value, doubts: 0 } : { doubts: 0 },
});

const withoutDoubts = ({ database, cache }: HeldParts): HeldParts => ({
  database: { ...database, doubts: 0 },
  cache: { ...cache, doubts: 0 },
});

const nextInSilence = ({ health, held, silence }: HealthMemory): HealthMemory => {
  const rounds = Math.min(silence + 1, roundsUntilTold);
  if (rounds < roundsUntilTold) return { health, held: mapHeld(held, withoutDoubts), silence: rounds };
  const left = mapHeld(held, forget);
  return { health: { silent: true, ...toHealth(left) }, held: left, silence: rounds };
};

/** What is known after a round of asking. */
export const nextHealth = (memory: HealthMemory, pods: readonly PodState[]): HealthMemory => {
  if (pods.every(({ state }) => state === undefined)) return nextInSilence(memory);
  const held = mapHeld(memory.held, (parts, service) => ({
    database: nextHeld(parts.database, judgeService(pods, service, 'database')),
    cache: nextHeld(parts.cache, judgeService(pods, service, 'cache')),
  }));
  return { health: toHealth(held), held, silence: 0 };
};

/**
 * Whether the next round should come soon: something is lost, or seems to be. Pods that never answer are asked no sooner
 * for it.
 */
export const isDoubtful = ({ health, held, silence }: HealthMemory): boolean => {
  if (health.database?.reachable === false || health.cache?.reachable === false) return true;
  if (health.silent === true) return false;
  return silence > 0 || services.some((service) => held[service].database.doubts + held[service].cache.doubts > 0);
};
