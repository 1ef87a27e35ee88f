import { z } from 'zod';

/** pino's levels that a tenant may choose. */
export const logLevelSchema = z.enum(['debug', 'info', 'warn', 'error']);
export type LogLevel = z.infer<typeof logLevelSchema>;

/**
 * What each service is told in the same way. Settings are one JSON file, named by the first argument of the process;
 * secrets are never in it, only the paths of the files that hold them.
 */
export const commonSettingsSchema = z.object({
  tenant: z.string().min(1),
  namespace: z.string().min(1),
  version: z.string().min(1),
  /** Address that all ports listen on: `0.0.0.0` in a pod, `127.0.0.1` for processes on one machine. */
  listenAddress: z.string().min(1),
  /** `/livez`, `/readyz`, `/metrics` in plain HTTP. */
  probePort: z.int().min(0).max(65_535),
  /** Folder with `tls.crt`, `tls.key` and `ca.crt` of the tenant's internal CA; reread when it changes. */
  identityDirectory: z.string().min(1),
  /** How long a process goes on accepting after SIGTERM, ms, while it asks clients to go elsewhere. */
  drainMilliseconds: z.int().min(0),
  /** Folder with `live.json`: the settings that change without a restart. */
  liveDirectory: z.string().min(1),
});

/** Settings of the connection to PostgreSQL. */
export const databaseSettingsSchema = z.object({
  /** File that holds a `postgres://` URL with user and password. TLS is verify-full unless it says otherwise. */
  urlFile: z.string().min(1),
  /** PEM of the CA that signed the server's certificate; absent means the system's. */
  caFile: z.string().min(1).optional(),
  /** Folder of PEM bundles that are trusted besides; reread when it changes. */
  trustDirectory: z.string().min(1).optional(),
  maxConnections: z.int().min(1).max(200),
});
export type DatabaseSettings = z.infer<typeof databaseSettingsSchema>;

/** How a caller finds the pods of another service: all addresses of a headless name, a ClusterIP name when none accepts. */
export const peerSettingsSchema = z.object({
  headlessHost: z.string().min(1),
  fallbackHost: z.string().min(1),
  port: z.int().min(1).max(65_535),
});
export type PeerSettings = z.infer<typeof peerSettingsSchema>;
