import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { type Clock, sleep } from './clock.ts';
import type { KubernetesConnection } from './kubernetes-connection.ts';
import { KubernetesError, KubernetesUnreachableError, parseKubernetesError } from './kubernetes-error.ts';
import { createRequestLimiter } from './request-limiter.ts';

/** One request to the API server. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  /** What the answer may be; JSON of the whole object when left out. */
  readonly accept?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The kind's answers may quote secrets: error messages leave the server's text out. */
  readonly confidential: boolean;
  /** Does not wait for one of the `maxInFlight` slots: for the Lease, which must not queue behind a thousand writes. */
  readonly urgent?: boolean | undefined;
  /** What 429 means: `busy` (wait and try again) or, for evictions, an `answer`. */
  readonly tooManyRequests?: 'busy' | 'answer';
}

/**
 * Called once for each answer, or with code `<error>` where none came; as rest_client_requests_total counts them.
 * `seconds`: until the answer's head.
 */
export type ObserveRequest = (sample: { method: string; host: string; code: string; seconds: number }) => void;

/** Sends requests as JSON. Errors: {@link KubernetesError}, {@link KubernetesUnreachableError}, or the signal's reason. */
export interface KubernetesTransport {
  send(request: ApiRequest): Promise<unknown>;
  /** Answers with the body as it comes; it fails with `UND_ERR_BODY_TIMEOUT` when nothing came for `idleTimeoutMs`. */
  stream(request: ApiRequest, idleTimeoutMs: number): Promise<Readable>;
  close(): Promise<void>;
}

const timeoutMs = 30_000;
const maxTriesWhenBusy = 5;
const maxWaitWhenBusySeconds = 10;

const queryString = (query: ApiRequest['query']): string => {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  }
  const encoded = parameters.toString();
  return encoded === '' ? '' : `?${encoded}`;
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const headerText = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;

/** A transport over `connection`. */
export const createKubernetesTransport = (options: {
  connection: KubernetesConnection;
  userAgent: string;
  maxInFlight: number;
  clock: Clock;
  observeRequest: ObserveRequest;
}): KubernetesTransport => {
  const { connection, clock } = options;
  const server = new URL(connection.server);
  const basePath = server.pathname.replace(/\/+$/, '');
  const limited = createRequestLimiter(options.maxInFlight);
  const never = new AbortController().signal;

  const dispatch = async (request: ApiRequest, idleTimeoutMs: number): Promise<Dispatcher.ResponseData> => {
    const { dispatcher, headers } = await connection.open();
    const sentAt = clock.monotonic();
    const observe = (code: string): void =>
      options.observeRequest({
        method: request.method,
        host: server.host,
        code,
        seconds: (clock.monotonic() - sentAt) / 1_000,
      });
    try {
      const answer = await dispatcher.request({
        origin: server.origin,
        path: `${basePath}${request.path}${queryString(request.query)}`,
        method: request.method,
        headers: {
          ...headers,
          accept: request.accept ?? 'application/json',
          'user-agent': options.userAgent,
          ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
        },
        body: request.body === undefined ? null : JSON.stringify(request.body),
        signal: request.signal ?? null,
        headersTimeout: Math.min(timeoutMs, idleTimeoutMs),
        bodyTimeout: idleTimeoutMs,
      });
      observe(String(answer.statusCode));
      return answer;
    } catch (error) {
      request.signal?.throwIfAborted();
      observe('<error>');
      throw new KubernetesUnreachableError(`${request.method} ${request.path}`, error);
    }
  };

  const readText = async (request: ApiRequest, answer: Dispatcher.ResponseData): Promise<string> => {
    try {
      return await answer.body.text();
    } catch (error) {
      request.signal?.throwIfAborted();
      throw new KubernetesUnreachableError(`${request.method} ${request.path}`, error);
    }
  };

  const readError = async (request: ApiRequest, answer: Dispatcher.ResponseData): Promise<KubernetesError> => {
    const body = parseJson(await readText(request, answer));
    if (answer.statusCode === 401) connection.invalidate();
    return parseKubernetesError({
      request: `${request.method} ${request.path}`,
      httpStatus: answer.statusCode,
      body,
      retryAfterHeader: headerText(answer.headers['retry-after']),
      confidential: request.confidential,
    });
  };

  const isBusy = (request: ApiRequest, error: KubernetesError): boolean =>
    error.status === 429 && request.tooManyRequests !== 'answer';

  /** Repeats what the server did not take on: 429 after the time it names, and once 401 with credentials asked anew. */
  const withRetries = async <T>(request: ApiRequest, attempt: () => Promise<T | KubernetesError>): Promise<T> => {
    let refused = false;
    for (let tries = 1; ; tries += 1) {
      const result = await attempt();
      if (!(result instanceof KubernetesError)) return result;
      const unauthorized: boolean = result.status === 401 && !refused;
      if (!unauthorized && (!isBusy(request, result) || tries >= maxTriesWhenBusy)) throw result;
      refused ||= unauthorized;
      if (unauthorized) continue;
      const seconds = Math.min(result.retryAfterSeconds ?? 1, maxWaitWhenBusySeconds);
      await sleep(clock, seconds * 1_000, request.signal ?? never);
      request.signal?.throwIfAborted();
    }
  };

  const attemptSend = async (request: ApiRequest): Promise<{ body: unknown } | KubernetesError> => {
    const answer = await dispatch(request, timeoutMs);
    if (answer.statusCode >= 400) return readError(request, answer);
    const text = await readText(request, answer);
    return { body: text === '' ? undefined : JSON.parse(text) };
  };

  const attemptStream = async (request: ApiRequest, idleTimeoutMs: number): Promise<Readable | KubernetesError> => {
    const answer = await dispatch(request, idleTimeoutMs);
    return answer.statusCode >= 400 ? readError(request, answer) : answer.body;
  };

  return {
    send: async (request) => {
      const attempt = () => attemptSend(request);
      const { body } = await withRetries(request, request.urgent ? attempt : () => limited(attempt));
      return body;
    },
    stream: (request, idleTimeoutMs) => withRetries(request, () => attemptStream(request, idleTimeoutMs)),
    close: () => connection.close(),
  };
};
