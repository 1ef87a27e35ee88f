import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { type Dispatcher, errors } from 'undici';
import type { PeerTarget } from '../shared/peer-address.ts';
import { PeerConnectError } from '../shared/peer-connect-error.ts';
import { type HeaderList, stripResponseHeaders } from './forwarded-headers.ts';
import { BodyTooLargeError, createRequestBody, hasBody } from './request-body.ts';

export type ProxyRequest = {
  request: IncomingMessage;
  response: ServerResponse;
  /** Tried in this order. */
  targets: PeerTarget[];
  path: string;
  headers: HeaderList;
  /** What of the answer's headers may be passed on, besides those of the connection. */
  filterAnswer?: (
    headers: Record<string, string | string[] | undefined>,
  ) => Record<string, string | string[] | undefined>;
  /** Until the head of the answer, all attempts and the upload included; then the longest silence in its body. ms */
  timeoutMilliseconds: number;
  /** How long one target may be silent before a request that may be repeated goes to the next. ms */
  attemptMilliseconds?: number;
  /** How long a client may take nothing of what waits for it; it holds one of the upstream's connections. ms */
  clientStallMilliseconds: number;
  /** Bytes. */
  bodyLimit: number;
  /**
   * `whole`: read before a connection is taken, of which a client that sends slowly could otherwise hold all there are. It
   * is kept in memory, so the limit should be small.
   */
  body: 'streamed' | 'whole';
};

/**
 * How it ended. `answered`: the upstream's head has been passed on, and the answer ended as the upstream's did. For all
 * but that one and `client_left` nothing has been sent to the client yet.
 */
export type ProxyOutcome =
  | { kind: 'answered' }
  | { kind: 'client_left' }
  | { kind: 'body_too_large' }
  | { kind: 'body_too_slow' }
  | { kind: 'timeout' }
  | { kind: 'unreachable'; error: unknown }
  | { kind: 'broken'; error: unknown };

const repeatable = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

class ClientLeftError extends Error {
  override readonly name = 'ClientLeftError';
}
class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}
class SlowBodyError extends Error {
  override readonly name = 'SlowBodyError';
}

/** How an exchange is ended from outside: by its client or its deadline. */
type Abort = { reason: Error | undefined; end: ((reason: Error) => void) | undefined };

const abortWith = (abort: Abort, reason: Error): void => {
  abort.reason ??= reason;
  abort.end?.(reason);
};

/** Streams one attempt. Resolves when it is over: undefined for an answer that was passed on, else why there is none. */
const attempt = (
  { request, response, path, headers, filterAnswer = (all) => all, timeoutMilliseconds, ...rest }: ProxyRequest,
  target: PeerTarget,
  body: Dispatcher.DispatchOptions['body'],
  abort: Abort,
): Promise<{ error: unknown } | undefined> =>
  new Promise((resolve) => {
    const fail = (error: unknown) => {
      // The head is out: all that is left to say is that the body is not whole.
      if (response.headersSent) {
        response.destroy();
      }
      resolve(response.headersSent ? undefined : { error });
    };
    let started: Dispatcher.DispatchController | undefined;
    abort.end = (reason) => {
      started?.abort(reason);
      // Not started: it waits for a connection, and nobody waits for that.
      fail(reason);
    };
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: (controller) => {
        started = controller;
        if (abort.reason) {
          controller.abort(abort.reason);
        }
      },
      onResponseStart: (_controller, status, answered) => {
        if (status < 200) {
          return;
        }
        target.succeeded();
        response.writeHead(status, stripResponseHeaders(filterAnswer(answered)));
        // One write for head and body where they come together; a stream of events may say nothing for long after its head.
        setImmediate(() => response.flushHeaders());
      },
      onResponseData: (controller, chunk) => {
        if (!response.write(chunk)) {
          controller.pause();
          response.once('drain', () => controller.resume());
        }
      },
      onResponseEnd: () => {
        response.end();
        resolve(undefined);
      },
      onResponseError: (_controller, error) => fail(error),
    };
    try {
      target.dispatcher.dispatch(
        {
          path,
          method: request.method ?? 'GET',
          headers,
          body: body ?? null,
          bodyTimeout: timeoutMilliseconds,
          headersTimeout: (repeatable.has(request.method ?? '') && rest.attemptMilliseconds) || 0,
        },
        handler,
      );
    } catch (error) {
      fail(error);
    }
  });

const isTimeout = (error: unknown): boolean =>
  error instanceof DeadlineError || error instanceof errors.HeadersTimeoutError;

const outcomeOf = (error: unknown): ProxyOutcome => {
  if (error instanceof ClientLeftError) {
    return { kind: 'client_left' };
  }
  if (error instanceof BodyTooLargeError) {
    return { kind: 'body_too_large' };
  }
  if (error instanceof SlowBodyError) {
    return { kind: 'body_too_slow' };
  }
  if (isTimeout(error)) {
    return { kind: 'timeout' };
  }
  return error instanceof PeerConnectError ? { kind: 'unreachable', error } : { kind: 'broken', error };
};

type WholeBody = { ok: true; bytes: Buffer | undefined } | { ok: false; outcome: ProxyOutcome };

const readWhole = async ({ request, bodyLimit }: ProxyRequest, abort: Abort): Promise<WholeBody> => {
  const { stream } = createRequestBody(request, bodyLimit);
  abort.end = (reason) => stream.destroy(reason instanceof DeadlineError ? new SlowBodyError() : reason);
  return buffer(stream).then(
    (bytes) => ({ ok: true, bytes }),
    (error: unknown) => ({ ok: false, outcome: outcomeOf(error) }),
  );
};

const tryTargets = async (exchange: ProxyRequest, whole: Buffer | undefined, abort: Abort): Promise<ProxyOutcome> => {
  const { request, targets, bodyLimit } = exchange;
  let failure: unknown = new Error('No target');
  let repeated = false;
  for (const target of targets) {
    const body = whole === undefined && hasBody(request) ? createRequestBody(request, bodyLimit) : undefined;
    const failed = await attempt(exchange, target, whole ?? body?.stream, abort);
    body?.stream.destroy();
    if (failed === undefined) {
      return { kind: 'answered' };
    }
    failure = abort.reason ?? failed.error;
    if (failure instanceof ClientLeftError || failure instanceof BodyTooLargeError) {
      break;
    }
    // A client that uploads slowly says nothing about the target, and could have every address ejected.
    if (!isTimeout(failure) || request.complete) {
      target.failed(failure);
    }
    if (abort.reason) {
      break;
    }
    if (!(failure instanceof PeerConnectError)) {
      if (repeated || body?.taken() || !repeatable.has(request.method ?? '')) {
        break;
      }
      repeated = true;
    }
  }
  return outcomeOf(failure);
};

/** Cuts a client that does not read. Time in which the upstream says nothing does not count, nor does slow progress. */
const cutStalledClient = (response: ServerResponse, milliseconds: number): void => {
  response.setTimeout(milliseconds, () => {
    const isStalled = response.writableEnded ? !response.writableFinished : response.writableNeedDrain;
    if (isStalled) {
      response.destroy();
    }
  });
};

/**
 * Streams a request to the first target that takes it and its answer back, with backpressure both ways. A request of which
 * nothing was sent goes to the next target whatever it is; one that broke off goes there once if its method may be
 * repeated. When the client leaves, the upstream is let go: its connection would stay paused for ever and drain the pool.
 */
export const proxy = async (exchange: ProxyRequest): Promise<ProxyOutcome> => {
  const { request, response, timeoutMilliseconds, clientStallMilliseconds } = exchange;
  const abort: Abort = { reason: undefined, end: undefined };
  response.once('close', () => {
    if (!response.writableFinished) {
      abortWith(abort, new ClientLeftError());
    }
  });
  cutStalledClient(response, clientStallMilliseconds);
  const deadline = setTimeout(() => {
    if (!response.headersSent) {
      abortWith(abort, new DeadlineError());
    }
  }, timeoutMilliseconds);
  try {
    const isRead = exchange.body === 'whole' && hasBody(request);
    const whole: WholeBody = isRead ? await readWhole(exchange, abort) : { ok: true, bytes: undefined };
    return whole.ok ? await tryTargets(exchange, whole.bytes, abort) : whole.outcome;
  } finally {
    clearTimeout(deadline);
    // What nobody read of the body must not hold up the connection's next request.
    request.resume();
  }
};
