import { z } from 'zod';

/**
 * Answer to `GET /internal/state` (mTLS, role operator) of every service, from process start, before readiness and
 * without any other system. The operator decides by what pods say here, never by a guess of what they must know.
 */
export const internalStateSchema = z.object({
  service: z.enum(['gateway', 'auth', 'token-store']),
  version: z.string(),
  ready: z.boolean(),
  /** Keyring that the pod serves; absent in services without one. `signingKid` only in auth. */
  keyring: z
    .object({ uuid: z.string(), revision: z.int(), kids: z.array(z.string()), signingKid: z.string().optional() })
    .optional(),
  /** Absent in services without a database. `error` is a code such as `ECONNREFUSED` or an SQLSTATE, never a message. */
  database: z
    .object({
      reachable: z.boolean(),
      error: z.string().optional(),
      schemaVersion: z.string().optional(),
      /** The id that migrate wrote into it. */
      id: z.string().optional(),
    })
    .optional(),
  /** Absent where none is configured. `error` as for the database; also the first word of what Redis answered. */
  cache: z.object({ reachable: z.boolean(), error: z.string().optional() }).optional(),
  /** Revision of the client registry that the pod holds in memory (auth). */
  clientRegistryRevision: z.int().optional(),
});
export type InternalState = z.infer<typeof internalStateSchema>;
