import { buildConnector, Pool } from 'undici';
import type { PeerTarget } from '../shared/peer-address.ts';
import { markConnectErrors } from '../shared/peer-connect-error.ts';
import type { GatewayRoute } from './settings.ts';

const connectTimeoutMilliseconds = 2_000;
/** A Service's address stands for several pods: a second and third try may reach another one. */
const attempts = 3;

/** Connections to the routes' upstreams, one pool an origin. */
export type Upstreams = { targets(route: GatewayRoute): PeerTarget[]; keepOnly(routes: GatewayRoute[]): void };

const createPool = (origin: string): Pool =>
  new Pool(origin, {
    connect: markConnectErrors(buildConnector({ timeout: connectTimeoutMilliseconds, allowH2: false })),
    connections: 256,
    pipelining: 1,
    // Below what servers close idle connections after (Node: 5 s), whatever they announce.
    keepAliveTimeout: 4_000,
    keepAliveMaxTimeout: 4_000,
  });

export const createUpstreams = (): Upstreams => {
  const pools = new Map<string, Pool>();
  const poolOf = (origin: string): Pool => {
    const pool = pools.get(origin) ?? createPool(origin);
    pools.set(origin, pool);
    return pool;
  };
  return {
    targets: ({ upstreamUrl }) => {
      const { origin } = new URL(upstreamUrl);
      const target = { origin, dispatcher: poolOf(origin), succeeded: () => undefined, failed: () => undefined };
      return Array.from({ length: attempts }, () => target);
    },
    keepOnly: (routes) => {
      const origins = new Set(routes.map(({ upstreamUrl }) => new URL(upstreamUrl).origin));
      for (const origin of pools.keys()) {
        if (!origins.has(origin)) {
          // Not closed: requests in flight finish, idle connections end by themselves.
          pools.delete(origin);
        }
      }
    },
  };
};
