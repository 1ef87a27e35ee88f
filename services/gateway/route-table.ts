import { isIssuerPath, isUnderPrefix } from '../shared/contracts/issuer-paths.ts';
import type { RequestPath } from './request-path.ts';
import type { GatewayRoute } from './settings.ts';

export type Destination = { kind: 'issuer' } | { kind: 'route'; route: GatewayRoute; upstreamPath: string };

export type RouteDecision =
  | { ok: true; destination: Destination }
  | { ok: false; reason: 'no_route' }
  | { ok: false; reason: 'ambiguous' }
  | { ok: false; reason: 'method_not_allowed'; allow: string[] };

/** Routes that share a prefix; `folded` is how services read it that do not tell upper from lower case. */
type SharedPrefix = { prefix: string; folded: string; routes: GatewayRoute[] };

/** Routes by prefix, longest first. */
export type RouteTable = { issuerBase: string; prefixes: SharedPrefix[] };

const withoutTrailingSlash = (path: string): string => (path.endsWith('/') ? path.slice(0, -1) : path);

/** `/shop/` and `/shop` are the same prefix; several routes may share one and differ in methods. */
export const buildRouteTable = (issuer: string, routes: GatewayRoute[]): RouteTable => {
  const byPrefix = new Map<string, GatewayRoute[]>();
  for (const route of routes) {
    const prefix = withoutTrailingSlash(route.pathPrefix);
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), route]);
  }
  return {
    issuerBase: withoutTrailingSlash(new URL(issuer).pathname),
    prefixes: [...byPrefix]
      .map(([prefix, sharing]) => ({ prefix, folded: prefix.toLowerCase(), routes: sharing }))
      .sort((a, b) => b.prefix.length - a.prefix.length),
  };
};

const allowsMethod = ({ methods }: GatewayRoute, method: string): boolean =>
  methods === undefined || methods.includes(method) || (method === 'HEAD' && methods.includes('GET'));

/** The prefix in `raw` has as many segments as in the route, whatever its encoding. */
const buildUpstreamPath = (route: GatewayRoute, prefix: string, { raw, search }: RequestPath): string => {
  const segments = raw.split('/').slice(1);
  const rest = route.stripPrefix ? segments.slice(prefix.split('/').length - 1) : segments;
  return `${withoutTrailingSlash(new URL(route.upstreamUrl).pathname)}/${rest.join('/')}${search}`;
};

/**
 * Where a request goes. The issuer's paths go to auth, whatever the routes say. A path belongs to its longest prefix: when
 * no route of that prefix takes the method, shorter ones (with weaker rules, perhaps) are not asked. Nor are they for
 * `/public/ADMIN`, which many frameworks serve as `/public/admin`.
 */
export const decideRoute = (table: RouteTable, method: string, path: RequestPath): RouteDecision => {
  const { issuerBase } = table;
  if (isUnderPrefix(path.decoded, issuerBase) && isIssuerPath(path.decoded.slice(issuerBase.length))) {
    return { ok: true, destination: { kind: 'issuer' } };
  }
  const match = table.prefixes.find(({ prefix }) => isUnderPrefix(path.decoded, prefix));
  if (!match) {
    return { ok: false, reason: 'no_route' };
  }
  const insensitive = table.prefixes.find(({ folded }) => isUnderPrefix(path.decoded.toLowerCase(), folded));
  if (insensitive?.folded !== match.folded) {
    return { ok: false, reason: 'ambiguous' };
  }
  const route = match.routes.find((candidate) => allowsMethod(candidate, method));
  if (!route) {
    return { ok: false, reason: 'method_not_allowed', allow: match.routes.flatMap(({ methods }) => methods ?? []) };
  }
  return {
    ok: true,
    destination: { kind: 'route', route, upstreamPath: buildUpstreamPath(route, match.prefix, path) },
  };
};
