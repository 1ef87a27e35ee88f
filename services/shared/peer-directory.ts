import { lookup } from 'node:dns/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { buildConnector } from 'undici';
import { createPeerAddress, type PeerAddress, type PeerTarget } from './peer-address.ts';
import {
  comparePeerHealth,
  isWorthWaitingFor,
  newPeerHealth,
  nextPeerHealth,
  type PeerEvent,
  type PeerHealth,
} from './peer-health.ts';
import type { PeerSettings } from './service-settings.ts';

/** The addresses of a peer, and what is known of each. */
export type PeerDirectory = {
  /** All addresses, the best first; those that are equally good take turns. */
  find(): Promise<{ readonly usable: PeerTarget[]; readonly ejected: PeerTarget[] }>;
  /** The ClusterIP of the same pods. */
  readonly fallback: PeerTarget;
  close(): Promise<void>;
};

export type PeerDirectoryOptions = {
  readonly peer: PeerSettings;
  /** Its failures are `PeerConnectError`s. */
  readonly connect: buildConnector.connector;
  readonly logger: Logger;
  readonly answerTimeoutMilliseconds: number;
  readonly resolve?: (host: string) => Promise<string[]>;
  readonly clock?: () => number;
};

type Member = { readonly address: PeerAddress; health: PeerHealth; isProbed: boolean };

const resolveEveryMilliseconds = 1_000;
/** After so long without a request every address may be another one: a request waits a moment for the name then. */
const staleMilliseconds = 30_000;
const staleWaitMilliseconds = 200;
const maxProbes = 4;

const lookupAll = async (host: string): Promise<string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);

const targetsOf = (members: readonly Member[]): PeerTarget[] => members.map(({ address }) => address.target);

/** Follows the name as requests come, and makes connections beside them to addresses that are new or have failed. */
export const createPeerDirectory = (options: PeerDirectoryOptions): PeerDirectory => {
  const { peer, logger, resolve = lookupAll, clock = Date.now } = options;
  const members = new Map<string, Member>();
  let resolvedAt = Number.NEGATIVE_INFINITY;
  let resolving: Promise<void> | undefined;
  /** An address has failed since the name was asked for. */
  let isDoubted = false;
  let turn = 0;
  let nextProbes: NodeJS.Timeout | undefined;
  let closed = false;

  const learn = (member: Member, event: PeerEvent, error?: unknown): void => {
    const { origin } = member.address.target;
    const before = member.health.state;
    member.health = nextPeerHealth(member.health, event, clock());
    const { state } = member.health;
    isDoubted ||= event === 'connect_failed' || event === 'request_failed';
    if (state === before) return;
    if (state === 'ejected') logger.warn({ err: error, origin }, 'peer address ejected');
    else logger.debug({ origin, before, state }, 'peer address');
    scheduleProbes();
  };
  const createMember = (host: string): Member => {
    const member: Member = {
      address: createPeerAddress({
        host,
        port: peer.port,
        connect: options.connect,
        answerTimeoutMilliseconds: options.answerTimeoutMilliseconds,
        isWorthWaitingFor: () => member === fallback || isWorthWaitingFor(member.health, othersThan(member)),
        onEvent: (event, error) => learn(member, event, error),
      }),
      health: newPeerHealth(clock()),
      isProbed: false,
    };
    return member;
  };
  const othersThan = (member: Member): PeerHealth[] =>
    [...members.values()].filter((other) => other !== member).map(({ health }) => health);
  const fallback = createMember(peer.fallbackHost);

  const takeOver = (hosts: readonly string[]): void => {
    for (const [host, { address }] of members) {
      if (hosts.includes(host)) continue;
      address.retire();
      members.delete(host);
    }
    for (const host of hosts) {
      if (!members.has(host)) members.set(host, createMember(host));
    }
    scheduleProbes();
  };
  const refresh = (): Promise<void> => {
    resolving ??= resolve(peer.headlessHost)
      // The last known addresses are better than none while DNS is away.
      .then(takeOver, (error) => logger.warn({ err: error, host: peer.headlessHost }, 'peer not resolved'))
      .finally(() => {
        resolvedAt = clock();
        isDoubted = false;
        resolving = undefined;
      });
    return resolving;
  };
  const ageOfName = (): number => clock() - resolvedAt;

  const probe = async (member: Member): Promise<void> => {
    member.isProbed = true;
    await member.address.probe();
    member.isProbed = false;
    scheduleProbes();
  };
  const runProbes = (): void => {
    const all = [...members.values()];
    const running = all.filter(({ isProbed }) => isProbed).length;
    const due = all.filter(({ isProbed, health }) => !isProbed && health.probeAt <= clock());
    // What the name leads to no more is tried no more, also while no request asks for the name.
    if (due.some(({ health }) => health.state === 'ejected') && ageOfName() >= resolveEveryMilliseconds) void refresh();
    for (const member of due.slice(0, maxProbes - running)) void probe(member);
    scheduleProbes();
  };
  /** While as many probes run as may, the end of one sets the timer again. */
  const scheduleProbes = (): void => {
    clearTimeout(nextProbes);
    const waiting = [...members.values()].filter(({ isProbed }) => !isProbed);
    const next = Math.min(...waiting.map(({ health }) => health.probeAt));
    if (closed || next === Number.POSITIVE_INFINITY || members.size - waiting.length >= maxProbes) return;
    nextProbes = setTimeout(runProbes, Math.max(0, next - clock())).unref();
  };

  const followName = async (): Promise<void> => {
    const age = ageOfName();
    if (!isDoubted && age < resolveEveryMilliseconds) return;
    const refreshed = refresh();
    if (members.size === 0) await refreshed;
    if (age < staleMilliseconds) return;
    await Promise.race([refreshed, delay(staleWaitMilliseconds, undefined, { ref: false })]);
  };
  return {
    fallback: fallback.address.target,
    find: async () => {
      await followName();
      const inOrder = [...members.values()].sort((one, other) => comparePeerHealth(one.health, other.health));
      const usable = inOrder.filter(({ health }) => health.state !== 'ejected');
      const best = usable.filter(({ health }) => health.state === usable[0]?.health.state);
      turn = (turn + 1) % (best.length || 1);
      return {
        usable: targetsOf([...best.slice(turn), ...best.slice(0, turn), ...usable.slice(best.length)]),
        ejected: targetsOf(inOrder.slice(usable.length)),
      };
    },
    close: async () => {
      if (closed) return;
      closed = true;
      clearTimeout(nextProbes);
      await Promise.all([fallback, ...members.values()].map(({ address }) => address.close()));
    },
  };
};
