/**
 * Paths that auth answers to the public, as prefixes by whole segments (`/token` covers `/token/introspection`, not
 * `/tokens`). The gateway sends these to auth and no others, so that `/internal` is never reached from outside, and no
 * route of a tenant may take them.
 */
export const issuerPathPrefixes = [
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server',
  '/jwks',
  '/auth',
  '/token',
  '/me',
  '/request',
  '/session',
  '/device',
  '/interaction',
  '/register',
  '/sign-in',
  '/sign-out',
  '/account',
  '/assets',
] as const;

/** Whether `path` is `prefix` or lies below it, by whole segments. */
export const isUnderPrefix = (path: string, prefix: string): boolean =>
  path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);

/** Whether auth answers this (normalised) path. */
export const isIssuerPath = (path: string): boolean => issuerPathPrefixes.some((prefix) => isUnderPrefix(path, prefix));
