import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { ServiceAccountTokens } from '../../services/auth/settings.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';

/** A new key is as a rule published long before anything is signed by it; a look is two small answers. */
const periodMilliseconds = 300_000;
const retryMilliseconds = 15_000;

const discoveryPath = '/.well-known/openid-configuration';
const keysPath = '/openid/v1/jwks';

const discoverySchema = z.object({ issuer: z.string().min(1).max(2048) });
/** Public members alone, so that the settings do not change with what else a server may say of its keys. */
const keysSchema = z.object({
  keys: z
    .array(
      z.object({
        kty: z.string(),
        kid: z.string().optional(),
        alg: z.string().optional(),
        use: z.string().optional(),
        n: z.string().optional(),
        e: z.string().optional(),
        crv: z.string().optional(),
        x: z.string().optional(),
        y: z.string().optional(),
      }),
    )
    .min(1)
    .max(100),
});

/** What tokens of this cluster's service accounts are known by, as it was read last. */
export type ServiceAccountTokensWatch = {
  /** Undefined while it could not be read: the cluster publishes nothing, or not to the operator. */
  readonly current: () => ServiceAccountTokens | undefined;
  /** Reads once. Never rejects: what was read before stays when the API server gives no answer. */
  readonly refresh: (signal: AbortSignal) => Promise<void>;
  /** Reads again and again until the signal, so that new keys are followed. */
  readonly run: (signal: AbortSignal) => Promise<void>;
};

export const watchServiceAccountTokens = ({
  client,
  clock,
  log,
  onChange,
}: {
  readonly client: Pick<KubernetesClient, 'getDocument'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onChange: () => void;
}): ServiceAccountTokensWatch => {
  let held: ServiceAccountTokens | undefined;
  let isReadable = true;
  const read = async (signal: AbortSignal): Promise<ServiceAccountTokens> => {
    const { issuer } = discoverySchema.parse(await client.getDocument(discoveryPath, { signal }));
    const { keys } = keysSchema.parse(await client.getDocument(keysPath, { signal }));
    return { issuer, jwks: { keys } };
  };
  const refresh = async (signal: AbortSignal): Promise<void> => {
    try {
      const now = await read(signal);
      if (!isReadable) log.info({ issuer: now.issuer }, 'keys of service accounts readable');
      isReadable = true;
      if (isDeepStrictEqual(now, held)) return;
      held = now;
      onChange();
    } catch (error) {
      // Once a loss, not at every look.
      if (isReadable && !signal.aborted) log.warn({ err: error }, 'keys of service accounts not readable');
      isReadable = false;
    }
  };
  return {
    current: () => held,
    refresh,
    run: async (signal) => {
      while (!signal.aborted) {
        await sleep(clock, isReadable ? periodMilliseconds : retryMilliseconds, signal).catch(() => undefined);
        if (!signal.aborted) await refresh(signal);
      }
    },
  };
};
