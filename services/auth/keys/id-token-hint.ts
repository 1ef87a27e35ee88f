import { type CompactJWSHeaderParameters, compactVerify, createLocalJWKSet } from 'jose';
import { z } from 'zod';
import type { Keyring } from '../../shared/contracts/keyring.ts';

const hintSchema = z.looseObject({ iss: z.string(), sub: z.string(), aud: z.union([z.string(), z.array(z.string())]) });

export type VerifyIdTokenHint = (
  hint: string,
  clientId: string,
) => Promise<{ header: CompactJWSHeaderParameters; payload: z.infer<typeof hintSchema> }>;

/**
 * Verifies an ID token that comes back as a hint: one that we have signed for this client, with any key that the keyring
 * still knows, retired ones included, and however old. Throws for every other one.
 */
export const createIdTokenHintVerifier = (issuer: string, { keys }: Keyring): VerifyIdTokenHint => {
  const known = createLocalJWKSet({ keys: keys.map(({ publicJwk }) => publicJwk) });
  return async (hint, clientId) => {
    const { payload, protectedHeader } = await compactVerify(hint, known);
    const claims = hintSchema.parse(JSON.parse(new TextDecoder().decode(payload)));
    if (claims.iss !== issuer) throw new Error('the hint is of another issuer');
    if (![claims.aud].flat().includes(clientId)) throw new Error('the hint is of another client');
    return { header: protectedHeader, payload: claims };
  };
};
