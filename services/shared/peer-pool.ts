import type { buildConnector, Dispatcher } from 'undici';
import type { PeerTarget } from './peer-address.ts';
import { markConnectErrors, PeerConnectError } from './peer-connect-error.ts';
import { createPeerDirectory, type PeerDirectoryOptions } from './peer-directory.ts';

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
  /** Where to try, in order: the best addresses, then the fallback, then one that has failed. For proxies that stream. */
  targets(): Promise<PeerTarget[]>;
  close(): Promise<void>;
};

export type PeerPoolOptions = Omit<PeerDirectoryOptions, 'connect' | 'answerTimeoutMilliseconds'> & {
  /** `peerConnectOptions(identity, role)`. */
  connect: buildConnector.connector;
  /** Until the answer's headers, ms; 5 s unless said otherwise. An address that is silent for longer is ejected. */
  answerTimeoutMilliseconds?: number;
};

const addressesTried = 3;

const attempt = async (target: PeerTarget, { idempotent: _, ...request }: PeerRequest): Promise<PeerResponse> => {
  const { statusCode, headers, body } = await target.dispatcher.request(request);
  return { status: statusCode, headers, body: Buffer.from(await body.arrayBuffer()) };
};

/**
 * Balances over all addresses of a headless Service. A ClusterIP would hide a dead pod for up to a minute; DNS alone lags
 * by its cache (30 s with stock CoreDNS), in which a rollout can replace every address. So it counts how an address
 * behaves: one that fails, or asks its callers to leave, is set aside; it comes back, and a new one comes in, once a
 * connection stands that no request waited for; and when none accepts the ClusterIP is the way.
 */
export const createPeerPool = (options: PeerPoolOptions): PeerPool => {
  const directory = createPeerDirectory({
    ...options,
    connect: markConnectErrors(options.connect),
    answerTimeoutMilliseconds: options.answerTimeoutMilliseconds ?? 5_000,
  });
  const targets = async (): Promise<PeerTarget[]> => {
    const { usable, ejected } = await directory.find();
    return [...usable.slice(0, addressesTried), directory.fallback, ...ejected.slice(0, 1)];
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
    close: directory.close,
  };
};
