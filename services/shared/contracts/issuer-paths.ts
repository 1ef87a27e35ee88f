/** Below it are all addresses of auth but discovery: `/oauth2/authorize`, `/oauth2/token`, `/oauth2/interaction/...`. */
export const issuerRoot = '/oauth2';

/**
 * Endpoints that clients may call by the entrance for certificates, by their names in the discovery document's
 * `mtls_endpoint_aliases` (RFC 8705, 5). Those that browsers open are not among them.
 */
export const certificateEndpoints = {
  token_endpoint: `${issuerRoot}/token`,
  userinfo_endpoint: `${issuerRoot}/userinfo`,
  pushed_authorization_request_endpoint: `${issuerRoot}/par`,
  device_authorization_endpoint: `${issuerRoot}/device-authorization`,
  introspection_endpoint: `${issuerRoot}/introspect`,
  revocation_endpoint: `${issuerRoot}/revoke`,
} as const;

/**
 * Paths that auth answers to the public, below the issuer's own path, as prefixes by whole segments. The gateway sends
 * these to auth and no others, so that `/internal` is never reached from outside; no route of a tenant gets them.
 */
const issuerPathPrefixes = [
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server',
  issuerRoot,
] as const;

/** Whether `path` is `prefix` or lies below it, by whole segments. */
export const isUnderPrefix = (path: string, prefix: string): boolean =>
  path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);

/** Whether auth answers this (normalised) path. */
export const isIssuerPath = (path: string): boolean => issuerPathPrefixes.some((prefix) => isUnderPrefix(path, prefix));
