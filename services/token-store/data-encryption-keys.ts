import { createHmac } from 'node:crypto';
import type { Logger } from 'pino';
import { watchSettings } from '../shared/watched-directory.ts';
import { type DataEncryptionKeys, dataEncryptionKeysSchema } from './settings.ts';

/** The keys that payloads are sealed with, as they are now. */
export interface DataKeyring {
  readonly sealing: { readonly id: string; readonly key: Buffer };
  find(id: string): Buffer | undefined;
  /**
   * User codes have little entropy, so that a bare hash of one could be guessed: HMAC-SHA-256 under a key derived from
   * each key of the ring, the sealing one first. Look-ups try all of them.
   */
  hashUserCode(userCode: string): readonly [Buffer, ...Buffer[]];
}

/** Builds the keyring; the last key seals, all of them open. */
export const buildDataKeyring = ({ keys }: DataEncryptionKeys): DataKeyring => {
  const decoded = keys.map(({ id, key }) => ({ id, key: Buffer.from(key, 'base64') })).reverse();
  const [sealing, ...older] = decoded;
  if (!sealing) throw new Error('unreachable: the schema demands one key');
  const byId = new Map(decoded.map(({ id, key }) => [id, key]));
  const userCodeHmac = (key: Buffer, userCode: string) => {
    const derived = createHmac('sha256', key).update('user-code').digest();
    return createHmac('sha256', derived).update(userCode).digest();
  };
  return {
    sealing,
    find: (id) => byId.get(id),
    hashUserCode: (userCode) => [
      userCodeHmac(sealing.key, userCode),
      ...older.map(({ key }) => userCodeHmac(key, userCode)),
    ],
  };
};

/**
 * Reads `keys.json` of the folder now, and again on every change; a bad file keeps the last good keys and is logged.
 * @returns a function that gives the keyring of the moment
 * @throws SettingsError when the file cannot be used now
 */
export const loadDataEncryptionKeys = (
  directory: string,
  options: { readonly signal: AbortSignal; readonly logger: Logger },
): (() => DataKeyring) => {
  const keys = watchSettings(directory, dataEncryptionKeysSchema, {
    ...options,
    fileName: 'keys.json',
    onChange: (changed) => {
      keyring = buildDataKeyring(changed);
    },
  });
  let keyring = buildDataKeyring(keys);
  return () => keyring;
};
