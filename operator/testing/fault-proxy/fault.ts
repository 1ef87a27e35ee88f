import type { ApiCall } from './api-call.ts';

/** 422 is what an API server answers to a watch that is to begin with a list, and that it cannot serve so. */
export type RefusalStatus = 409 | 410 | 422 | 429 | 500 | 503;

/** What becomes of one call. */
export type Fault =
  /** The connection is broken before the API server hears of the call. */
  | { readonly kind: 'cut-before' }
  /** The API server does what it is asked; the connection is broken instead of its answer. */
  | { readonly kind: 'cut-after' }
  /** The head of the answer and half of its body arrive, then the connection is broken. */
  | { readonly kind: 'cut-within' }
  /** The API server never hears of the call; this is answered. */
  | { readonly kind: 'refuse'; readonly status: RefusalStatus; readonly retryAfterSeconds?: number }
  /** The API server does what it is asked; 504 is answered, as it does itself when a write takes too long. */
  | { readonly kind: 'time-out' }
  /** The API server does what it is asked, and no answer ever comes. */
  | { readonly kind: 'silence' }
  /** A list or get is answered as of this earlier resourceVersion. */
  | { readonly kind: 'stale'; readonly resourceVersion: string }
  /** Whoever speaks through this proxy is dead from now on: nothing reaches the API server any more, this included. */
  | { readonly kind: 'kill-before' }
  /** The same once the API server has done what it is asked; nobody hears the answer. */
  | { readonly kind: 'kill-after' };

/** Decides about each call in the order of arrival; undefined lets it pass. */
export type FaultPlan = (call: ApiCall) => Fault | undefined;

const reasons = {
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
} as const;

/** The `Status` that the API server would answer. */
export const buildFailureStatus = (code: keyof typeof reasons) => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: `fault proxy: ${reasons[code]}`,
  reason: reasons[code],
  code,
});

/** Applies `fault` to the `n`-th call (from 1) of those that `counts`, and to no other. */
export const onNth = (n: number, counts: (call: ApiCall) => boolean, fault: Fault): FaultPlan => {
  let seen = 0;
  return (call) => {
    if (!counts(call)) return undefined;
    seen += 1;
    return seen === n ? fault : undefined;
  };
};

/**
 * Answers every list that begins a cache, which asks for all namespaces, as of an earlier version. The API server cannot
 * begin a watch in the past, so that whoever wants it to begin with a list has to list by itself.
 */
export const staleLists =
  (resourceVersion: string, isStale: (call: ApiCall) => boolean = () => true): FaultPlan =>
  (call) => {
    if (call.namespace !== undefined || !isStale(call)) return undefined;
    if (call.verb === 'list') return { kind: 'stale', resourceVersion };
    return call.isListing === true ? { kind: 'refuse', status: 422 } : undefined;
  };
