import { setTimeout as delay } from 'node:timers/promises';
import * as oidc from 'openid-client';
import { inject } from 'vitest';
import { createIssuerConnection, type IssuerConnection } from '../installation/issuer-connection.ts';
import { callServiceA } from './application.ts';
import { describeTiming, type RequestTiming, timeRequest } from './request-timing.ts';

/** What went wrong, and when (monotonic ms). */
export type Failure = { readonly at: number; readonly what: string };

export type Load = {
  readonly failures: readonly Failure[];
  readonly successes: () => number;
  /** Monotonic ms since the last failure, or since the load began. */
  readonly quietFor: () => number;
  /** The slowest requests of each sort, slowest first, with what took its time; seconds since the load began. */
  readonly slowest: () => string[];
  stop(): Promise<void>;
};

type Sort = 'kept connection' | 'new connection' | 'idle connection' | 'refresh';

/** Of each sort. */
const slowestKept = 3;

const describeError = (error: unknown): string =>
  error instanceof Error ? `${error.message} ${error.cause ?? ''}` : String(error);

type User = {
  readonly connection: IssuerConnection;
  readonly configuration: oidc.Configuration;
  readonly tokens: oidc.TokenEndpointResponse;
  /** Where an answer may be lost: what the client does when its refresh token counts as used. The failure counts too. */
  readonly signInAgain?: () => Promise<oidc.TokenEndpointResponse>;
};

/**
 * Customers who use a tenant: 20 calls of services a second on a connection that is kept, 10 on new ones, one on a
 * connection that idles for 5 s in between, and a client that refreshes its token five times a second. Bounded to
 * five minutes.
 * @param patienceSeconds how long a customer waits for an answer; a connection into a zone without power never says more.
 */
export const startLoad = ({ connection, configuration, tokens, signInAgain }: User, patienceSeconds: number): Load => {
  const { ca, gatewayPort } = inject('environment');
  const began = performance.now();
  const failures: Failure[] = [];
  let successes = 0;
  let running = true;
  let accessToken = tokens.access_token;
  let refreshToken = tokens.refresh_token ?? '';

  const slowest: Record<Sort, RequestTiming[]> = {
    'kept connection': [],
    'new connection': [],
    'idle connection': [],
    refresh: [],
  };

  const attempt = async (what: Sort, act: () => Promise<string | undefined>): Promise<void> => {
    const { timing, outcome } = await timeRequest(act);
    slowest[what] = [...slowest[what], timing]
      .sort((one, other) => (other.ended ?? 0) - (one.ended ?? 0))
      .slice(0, slowestKept);
    const problem = outcome.status === 'fulfilled' ? outcome.value : describeError(outcome.reason);
    if (problem === undefined) successes += 1;
    else failures.push({ at: performance.now(), what: `${what}: ${problem} (${describeTiming(timing)})` });
  };
  configuration.timeout = patienceSeconds;
  const call = async (over: IssuerConnection): Promise<string | undefined> => {
    const answer = await callServiceA(over, accessToken, {}, AbortSignal.timeout(patienceSeconds * 1_000));
    const body = await answer.text();
    return answer.status === 200 ? undefined : `${answer.status} ${body.slice(0, 200)}`;
  };
  const onNewConnection = async (): Promise<string | undefined> => {
    const fresh = createIssuerConnection(ca, gatewayPort);
    try {
      return await call(fresh);
    } finally {
      await fresh.close();
    }
  };
  const take = (next: oidc.TokenEndpointResponse): void => {
    accessToken = next.access_token;
    refreshToken = next.refresh_token ?? '';
  };
  const refresh = async (): Promise<string | undefined> => {
    try {
      take(await oidc.refreshTokenGrant(configuration, refreshToken));
      return undefined;
    } catch (error) {
      // An answer that was lost took the next refresh token along: a customer signs in again, and goes on.
      if (error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant' && signInAgain !== undefined)
        take(await signInAgain());
      throw error;
    }
  };
  const repeat = async (
    what: Sort,
    periodMilliseconds: number,
    act: () => Promise<string | undefined>,
  ): Promise<void> => {
    while (running && performance.now() - began < 300_000) {
      await attempt(what, act);
      await delay(periodMilliseconds);
    }
  };

  const idle = createIssuerConnection(ca, gatewayPort);
  const users = [
    repeat('kept connection', 50, () => call(connection)),
    repeat('new connection', 100, onNewConnection),
    repeat('idle connection', 5_000, () => call(idle)),
    repeat('refresh', 200, refresh),
  ];
  return {
    failures,
    successes: () => successes,
    quietFor: () => performance.now() - (failures.at(-1)?.at ?? began),
    slowest: () =>
      Object.entries(slowest).flatMap(([what, timings]) =>
        timings.map((timing) => `${what} at ${Math.round((timing.began - began) / 1000)} s: ${describeTiming(timing)}`),
      ),
    stop: async () => {
      running = false;
      await Promise.all(users);
      await idle.close();
    },
  };
};
