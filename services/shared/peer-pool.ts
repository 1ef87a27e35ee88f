import { lookup } from 'node:dns/promises';
import type { Logger } from 'pino';
import { type buildConnector, type Dispatcher, Pool } from 'undici';
import type { PeerSettings } from './service-settings.ts';

const resolveEveryMilliseconds = 1_000;
const firstEjectionMilliseconds = 2_000;
const longestEjectionMilliseconds = 30_000;
const addressesTried = 3;

/** The connection could not be made: not one byte of a request was sent, so that any request may go elsewhere. */
export class PeerConnectError extends Error {
  override readonly name = 'PeerConnectError';
  readonly code = 'PEER_NOT_CONNECTED';
}

/** Marks a connector's failures, which undici otherwise reports as if they could be those of a request under way. */
export const markConnectErrors =
  (connect: buildConnector.connector): buildConnector.connector =>
  (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (error !== null) {
        callback(new PeerConnectError('Connection not made', { cause: error }), null);
        return;
      }
      callback(null, socket);
    });

/** One address that a request may go to. Say how it went, so that the pool learns. */
export type PeerTarget = { origin: string; dispatcher: Dispatcher; succeeded(): void; failed(error: unknown): void };

export type PeerRequest = {
  method: Dispatcher.HttpMethod;
  path: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** Whether it may be sent twice: then a broken connection or a silent peer is answered by another address. */
  idempotent: boolean;
};

export type PeerResponse = { status: number; headers: Record<string, string | string[] | undefined>; body: Buffer };

export type PeerPool = {
  /** Rejects with the last address's error when no address answered. A 5xx is an answer. */
  request(request: PeerRequest): Promise<PeerResponse>;
  /** Where to try, in order: addresses that work, then the fallback, then ejected ones. For proxies that stream. */
  targets(): Promise<PeerTarget[]>;
  close(): Promise<void>;
};

export type PeerPoolOptions = {
  peer: PeerSettings;
  /** `peerConnectOptions(identity, role)`. */
  connect: buildConnector.connector;
  logger: Logger;
  /** Until the answer's headers, ms; 5 s unless said otherwise. An address that is silent for longer is ejected. */
  answerTimeoutMilliseconds?: number;
  resolve?: (host: string) => Promise<string[]>;
  clock?: () => number;
};

type Address = { target: PeerTarget; pool: Pool; failures: number; ejectedUntil: number };

const lookupAll = async (host: string): Promise<string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);

const hostInUrl = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/**
 * Balances over all addresses of a headless Service. A ClusterIP would hide a dead pod for up to a minute; DNS alone lags
 * by its cache (30 s with stock CoreDNS), in which a rollout can replace every address: then the ClusterIP is the way.
 */
export const createPeerPool = (options: PeerPoolOptions): PeerPool => {
  const { peer, logger, resolve = lookupAll, clock = Date.now } = options;
  const connect = markConnectErrors(options.connect);
  const addresses = new Map<string, Address>();
  let resolvedAt = Number.NEGATIVE_INFINITY;
  let resolving: Promise<void> | undefined;
  let turn = 0;

  const createAddress = (host: string): Address => {
    const origin = `https://${hostInUrl(host)}:${peer.port}`;
    const pool = new Pool(origin, {
      connect,
      connections: 128,
      pipelining: 1,
      // Below the peers' drain (10 s), and not raised by what a server announces.
      keepAliveTimeout: 4_000,
      keepAliveMaxTimeout: 4_000,
      headersTimeout: options.answerTimeoutMilliseconds ?? 5_000,
    });
    const address: Address = {
      pool,
      failures: 0,
      ejectedUntil: 0,
      target: {
        origin,
        dispatcher: pool,
        succeeded: () => {
          address.failures = 0;
          address.ejectedUntil = 0;
        },
        failed: (error) => {
          resolvedAt = Number.NEGATIVE_INFINITY;
          const now = clock();
          // Many requests fail at the same moment when a pod dies: one failure, not many.
          if (now < address.ejectedUntil) {
            return;
          }
          const duration = Math.min(firstEjectionMilliseconds * 2 ** address.failures, longestEjectionMilliseconds);
          address.failures += 1;
          address.ejectedUntil = now + duration;
          logger.warn({ err: error, origin, ejectedMilliseconds: duration }, 'peer address ejected');
        },
      },
    };
    return address;
  };
  const fallback = createAddress(peer.fallbackHost);

  const takeOver = (hosts: string[]) => {
    for (const host of addresses.keys()) {
      if (!hosts.includes(host)) {
        // Not closed: a request may hold it as a target. Its idle connections end by themselves in 4 s.
        addresses.delete(host);
      }
    }
    for (const host of hosts) {
      if (!addresses.has(host)) {
        addresses.set(host, createAddress(host));
      }
    }
  };
  const refresh = (): Promise<void> => {
    resolving ??= resolve(peer.headlessHost)
      // The last known addresses are better than none while DNS is away.
      .then(takeOver, (error) => logger.warn({ err: error, host: peer.headlessHost }, 'peer not resolved'))
      .finally(() => {
        resolvedAt = clock();
        resolving = undefined;
      });
    return resolving;
  };

  const targets = async (): Promise<PeerTarget[]> => {
    if (clock() - resolvedAt >= resolveEveryMilliseconds) {
      const refreshed = refresh();
      if (addresses.size === 0) {
        await refreshed;
      }
    }
    const all = [...addresses.values()];
    turn = all.length === 0 ? 0 : (turn + 1) % all.length;
    const inTurn = [...all.slice(turn), ...all.slice(0, turn)];
    const working = inTurn.filter(({ ejectedUntil }) => ejectedUntil <= clock());
    const ejected = inTurn.filter((address) => !working.includes(address));
    return [...working.slice(0, addressesTried), fallback, ...ejected.slice(0, 1)].map(({ target }) => target);
  };

  const attempt = async (target: PeerTarget, { idempotent: _, ...request }: PeerRequest): Promise<PeerResponse> => {
    const { statusCode, headers, body } = await target.dispatcher.request(request);
    return { status: statusCode, headers, body: Buffer.from(await body.arrayBuffer()) };
  };
  return {
    targets,
    request: async (request) => {
      let failure: unknown;
      for (const target of await targets()) {
        try {
          const response = await attempt(target, request);
          target.succeeded();
          return response;
        } catch (error) {
          target.failed(error);
          failure = error;
          if (!request.idempotent && !(error instanceof PeerConnectError)) {
            break;
          }
        }
      }
      throw failure;
    },
    close: async () => {
      await Promise.all([fallback, ...addresses.values()].map(({ pool }) => pool.close()));
    },
  };
};
