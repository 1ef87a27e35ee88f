import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { type Keyring, keyringFileName, keyringSchema, type SigningKey } from '../../shared/contracts/keyring.ts';
import { readSettings } from '../../shared/settings-file.ts';

/** The keyring with the private key that signs. */
export type SigningKeys = { keyring: Keyring; active: { key: SigningKey; privateKey: KeyObject } };

/** A keyring that cannot be used. The message names kids, never key material. */
export class KeyringError extends Error {
  override readonly name = 'KeyringError';
}

const publicPart = ({ kid, publicJwk }: SigningKey): KeyObject => {
  try {
    // Loose by contract, since each key type has members of its own; a bad one throws here.
    return createPublicKey({ key: publicJwk as Record<string, string>, format: 'jwk' });
  } catch (cause) {
    throw new KeyringError(`key ${kid} has no usable public part`, { cause });
  }
};

const readPrivateKey = (directory: string, { kid }: SigningKey): KeyObject => {
  try {
    return createPrivateKey(readFileSync(join(directory, `${kid}.pem`)));
  } catch (cause) {
    throw new KeyringError(`key ${kid} has no readable private part`, { cause });
  }
};

/**
 * Reads `keyring.json` and the active key's `<kid>.pem` (PKCS#8). Throws `SettingsError` or `KeyringError`: no key or two
 * that are Active, a private key that does not belong to the published one.
 */
export const readSigningKeys = (directory: string): SigningKeys => {
  // All from one state of the volume: Kubernetes swaps the symlink `..data` between two of our reads.
  const swapped = join(directory, '..data');
  const root = existsSync(swapped) ? realpathSync(swapped) : directory;
  const keyring = readSettings(join(root, keyringFileName), keyringSchema);
  const actives = keyring.keys.filter(({ state }) => state === 'Active');
  const [key] = actives;
  if (key === undefined || actives.length > 1) throw new KeyringError(`${actives.length} active keys instead of one`);
  for (const every of keyring.keys) publicPart(every);
  const privateKey = readPrivateKey(root, key);
  if (!createPublicKey(privateKey).equals(publicPart(key))) {
    throw new KeyringError(`the private key of ${key.kid} belongs to another public key`);
  }
  return { keyring, active: { key, privateKey } };
};
