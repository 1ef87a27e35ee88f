/**
 * What is known of one address of a peer. `proven`: a connection stood, and nothing failed since. `unproven`: nobody knows
 * yet. `leaving`: it has asked its callers to go elsewhere, and ends soon. `ejected`: it failed.
 */
export type PeerState = 'proven' | 'unproven' | 'leaving' | 'ejected';

export type PeerHealth = {
  readonly state: PeerState;
  /** Failures since the last request that it answered. */
  readonly failures: number;
  /** When a connection is to be tried that no request waits for, ms; Infinity: none is needed. */
  readonly probeAt: number;
};

/** What happens to an address. Slow: the connection is still being made, and may stand later. */
export type PeerEvent =
  | 'connected'
  | 'connect_slow'
  | 'connect_failed'
  | 'answered'
  | 'asked_to_leave'
  | 'request_failed';

/** A refused connection costs nothing to try again, and whoever waits for the pod's start wants to know soon. */
const connectBackoff = { first: 500, longest: 10_000 };
/** It accepts, and breaks off or is silent: each further try costs a request. */
const requestBackoff = { first: 2_000, longest: 30_000 };
/** A little more than a peer goes on accepting after it was told to end (10 s). */
const leaveMilliseconds = 12_000;

/** A new address, to be tried at once. */
export const newPeerHealth = (now: number): PeerHealth => ({ state: 'unproven', failures: 0, probeAt: now });

const proven = (failures: number): PeerHealth => ({
  state: 'proven',
  failures,
  probeAt: Number.POSITIVE_INFINITY,
});

const ejected = (failures: number, { first, longest }: typeof connectBackoff, now: number): PeerHealth => ({
  state: 'ejected',
  failures: failures + 1,
  probeAt: now + Math.min(first * 2 ** failures, longest),
});

/** What is known of an address after an event. */
export const nextPeerHealth = (health: PeerHealth, event: PeerEvent, now: number): PeerHealth => {
  const { state, failures, probeAt } = health;
  // Many requests meet the same failure in the same moment, and what was on its way then says nothing of later.
  const isSetAside = (state === 'ejected' || state === 'leaving') && now < probeAt;
  switch (event) {
    case 'connected':
      // That it accepts does not yet mean that it answers: its failures count on until it does.
      return isSetAside ? health : proven(failures);
    case 'answered':
      return state === 'leaving' && isSetAside ? health : proven(0);
    case 'asked_to_leave':
      return { state: 'leaving', failures: 0, probeAt: now + leaveMilliseconds };
    case 'connect_slow':
      // The connection that is being made is the probe.
      return state === 'proven' ? { state: 'unproven', failures, probeAt: Number.POSITIVE_INFINITY } : health;
    case 'connect_failed':
      return state === 'ejected' && isSetAside ? health : ejected(failures, connectBackoff, now);
    case 'request_failed':
      return state === 'ejected' && isSetAside ? health : ejected(failures, requestBackoff, now);
  }
};

const ranks: Readonly<Record<PeerState, number>> = { proven: 0, leaving: 1, unproven: 2, ejected: 3 };

/**
 * The order in which a request tries addresses, which come in the order of their turn. One that leaves still accepts; of
 * one that is unproven nobody knows.
 */
export const comparePeerHealth = (one: PeerHealth, other: PeerHealth): number => ranks[one.state] - ranks[other.state];

/**
 * Whether a request should wait for this address's connection as long as it takes. Otherwise it goes on after a moment:
 * another address is as good, or this one never was.
 */
export const isWorthWaitingFor = (health: PeerHealth, others: readonly PeerHealth[]): boolean => {
  if (health.state === 'ejected') return true;
  return health.state !== 'unproven' && !others.some(({ state }) => state === 'proven' || state === 'leaving');
};
