import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Keyring, SigningAlgorithm } from '../shared/contracts/keyring.ts';

/** The keys that tokens are verified with, by `kid`. A new value for each revision of the keyring. */
export type VerificationKeys = {
  uuid: string;
  revision: number;
  byKid: ReadonlyMap<string, { algorithm: SigningAlgorithm; key: KeyObject }>;
};

/** All keys but retired ones: a key is known here before the first token is signed with it, and after the last. */
export const buildVerificationKeys = ({ uuid, revision, keys }: Keyring): VerificationKeys => ({
  uuid,
  revision,
  byKid: new Map(
    keys
      .filter(({ state }) => state !== 'Retired')
      .map(({ kid, algorithm, publicJwk }) => [
        kid,
        { algorithm, key: createPublicKey({ key: publicJwk, format: 'jwk' }) },
      ]),
  ),
});
