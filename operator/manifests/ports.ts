/** Container ports of the services; those of the Services are the same, but for the gateway's (see `service.ts`). */
export const ports = {
  /** auth and token-store: the provider, `/v1/*` and `/internal/*`, all by mTLS. */
  mutualTls: 8443,
  publicHttps: 8443,
  publicHttp: 8080,
  /** The gateway's entrance for clients with certificates. */
  certificates: 8444,
  /** The gateway's `/internal/*`, apart from its public entrance. */
  gatewayInternal: 9443,
  /** `/livez`, `/readyz`, `/metrics`. */
  probes: 9090,
  postgres: 5432,
  redis: 6379,
} as const;
