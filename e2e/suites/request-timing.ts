import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';

/** When the parts of one request were over, ms since it began. Absent: it never came so far. */
export type RequestTiming = {
  /** Monotonic ms. */
  readonly began: number;
  /** A connection stood, TLS included, and the request went out on it. */
  sent?: number;
  /** The head of the answer was there. */
  answered?: number;
  ended?: number;
};

const timingOf = new WeakMap<object, RequestTiming>();
const current = new AsyncLocalStorage<RequestTiming>();

// undici says these things of all its requests, and says them nowhere else.
const isAbout = (message: unknown): message is { request: object } =>
  typeof message === 'object' && message !== null && 'request' in message && typeof message.request === 'object';

const elapsed = ({ began }: RequestTiming): number => performance.now() - began;

subscribe('undici:request:create', (message) => {
  const timing = current.getStore();
  if (timing !== undefined && isAbout(message)) timingOf.set(message.request, timing);
});
subscribe('undici:client:sendHeaders', (message) => {
  const timing = isAbout(message) ? timingOf.get(message.request) : undefined;
  if (timing !== undefined) timing.sent = elapsed(timing);
});
subscribe('undici:request:headers', (message) => {
  const timing = isAbout(message) ? timingOf.get(message.request) : undefined;
  if (timing !== undefined) timing.answered = elapsed(timing);
});

/** Does something that makes one request, and says how long its parts took, however it ends. */
export const timeRequest = async <T>(
  act: () => Promise<T>,
): Promise<{ readonly timing: RequestTiming; readonly outcome: PromiseSettledResult<T> }> => {
  const timing: RequestTiming = { began: performance.now() };
  const [outcome] = await Promise.allSettled([current.run(timing, act)]);
  timing.ended = elapsed(timing);
  return { timing, outcome };
};

/** `sent 3, answered 1520, ended 1521 ms`; what never came is left out. */
export const describeTiming = ({ sent, answered, ended }: RequestTiming): string =>
  Object.entries({ sent, answered, ended })
    .flatMap(([part, at]) => (at === undefined ? [] : [`${part} ${Math.round(at)}`]))
    .join(', ')
    .concat(' ms');
