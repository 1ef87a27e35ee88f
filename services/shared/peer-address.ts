import { type buildConnector, type Dispatcher, Pool } from 'undici';
import { PeerConnectError } from './peer-connect-error.ts';
import type { PeerEvent } from './peer-health.ts';
import { createSpareConnections } from './spare-connections.ts';

/** One address that a request may go to. Say how it went, so that the pool learns. */
export type PeerTarget = { origin: string; dispatcher: Dispatcher; succeeded(): void; failed(error: unknown): void };

/** The connections to one address of a peer. */
export type PeerAddress = {
  readonly target: PeerTarget;
  /** Makes a connection that no request waits for; one that comes soon takes it over. Resolves however it ends. */
  probe(): Promise<void>;
  /** No request will go to it any more; those that hold its target may still. */
  retire(): void;
  close(): Promise<void>;
};

export type PeerAddressOptions = {
  /** A host name, or an address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Its failures are {@link PeerConnectError}s. */
  readonly connect: buildConnector.connector;
  readonly answerTimeoutMilliseconds: number;
  /** Asked at the begin of each connection that a request waits for. */
  readonly isWorthWaitingFor: () => boolean;
  readonly onEvent: (event: PeerEvent, error?: unknown) => void;
};

/** Below the peers' drain (10 s), and not raised by what a server announces. */
const idleMilliseconds = 4_000;
/** Several times what a connection within a region takes, and still nothing that a customer notices. */
const impatienceMilliseconds = 200;
const maxSpareConnections = 8;

const asksToLeave = (connection: string | string[] | undefined): boolean =>
  [connection ?? []].flat().some((value) => value.toLowerCase() === 'close');

/** Tells when an answer asks to go elsewhere: so does every one of a peer that drains. */
const watchLeaving =
  (onLeaving: () => void): Dispatcher.DispatcherComposeInterceptor =>
  (dispatch) =>
  (options, handler) =>
    dispatch(options, {
      onRequestStart: (...started) => handler.onRequestStart?.(...started),
      onRequestUpgrade: (...upgraded) => handler.onRequestUpgrade?.(...upgraded),
      onResponseStart: (controller, status, headers, text) => {
        if (asksToLeave(headers['connection'])) onLeaving();
        handler.onResponseStart?.(controller, status, headers, text);
      },
      onResponseData: (...data) => handler.onResponseData?.(...data),
      onResponseEnd: (...ended) => handler.onResponseEnd?.(...ended),
      onResponseError: (...failed) => handler.onResponseError?.(...failed),
    });

/** Opens connections to one address, and tells what happens to them and on them. */
export const createPeerAddress = (options: PeerAddressOptions): PeerAddress => {
  const { host, port, connect, isWorthWaitingFor, onEvent } = options;
  const origin = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const spares = createSpareConnections(maxSpareConnections, idleMilliseconds);
  const tell = (error: Error | null): void =>
    error === null ? onEvent('connected') : onEvent('connect_failed', error);

  /** For a request: a spare connection, or a new one. What stands too late for it is the next one's. */
  const connectForRequest: buildConnector.connector = (to, callback) => {
    const spare = spares.take();
    if (spare !== undefined) {
      // Not at once: undici does not go on when it is answered while it asks.
      queueMicrotask(() => callback(null, spare));
      return;
    }
    let isGivenUp = false;
    const giveUp = () => {
      isGivenUp = true;
      onEvent('connect_slow');
      callback(new PeerConnectError('Connection not made yet'), null);
    };
    const impatience = isWorthWaitingFor() ? undefined : setTimeout(giveUp, impatienceMilliseconds);
    connect(to, (...[error, socket]) => {
      clearTimeout(impatience);
      tell(error);
      if (!isGivenUp) error === null ? callback(null, socket) : callback(error, null);
      else if (error === null) spares.put(socket);
    });
  };
  const pool = new Pool(origin, {
    connect: connectForRequest,
    connections: 128,
    pipelining: 1,
    // Else the pool makes its first connection alone, to see which protocol is spoken, and all requests wait behind it: with
    // an address that is dead, one after the other for its whole timeout.
    allowH2: false,
    keepAliveTimeout: idleMilliseconds,
    keepAliveMaxTimeout: idleMilliseconds,
    headersTimeout: options.answerTimeoutMilliseconds,
  });
  return {
    target: {
      origin,
      dispatcher: pool.compose(watchLeaving(() => onEvent('asked_to_leave'))),
      succeeded: () => onEvent('answered'),
      failed: (error) => {
        // Connections have told of themselves.
        if (!(error instanceof PeerConnectError)) onEvent('request_failed', error);
      },
    },
    probe: () =>
      new Promise((resolve) => {
        connect({ hostname: host, host: `${host}:${port}`, protocol: 'https:', port: String(port) }, (...answer) => {
          const [error, socket] = answer;
          if (error === null) spares.put(socket);
          tell(error);
          resolve();
        });
      }),
    retire: () => spares.close(),
    close: async () => {
      spares.close();
      await pool.close();
    },
  };
};
