import { createCipheriv, createDecipheriv, createHmac, randomBytes as cryptoRandomBytes } from 'node:crypto';
import { z } from 'zod';
import type { DataKeyring } from './data-encryption-keys.ts';

/**
 * A payload at rest: AES-256-GCM, bound to its kind and id so that no row can be put in another's place.
 * Bytes: format 1 | length of key id | key id | nonce 12 | tag 16 | ciphertext.
 * Each record has a key of its own, HMAC-SHA-256(data-encryption key, kind and id): random nonces may then repeat between
 * records, which one key for all would not survive beyond 2^32 writes (NIST SP 800-38D, 8.3).
 */
const format = 1;
const nonceLength = 12;
const tagLength = 16;

/** What a row's bytes belong to. */
export type EnvelopeOwner = { readonly kind: string; readonly idHash: Buffer };

const contentSchema = z.object({ id: z.string(), payload: z.record(z.string(), z.unknown()) });
/** The id travels inside, because the row keeps only its hash. */
export type EnvelopeContent = z.infer<typeof contentSchema>;

/** A row that cannot be opened: its key is not in the keyring, or it was altered. */
export class EnvelopeError extends Error {
  override readonly name = 'EnvelopeError';
  readonly code: 'unknown_key' | 'not_authentic';

  constructor(code: EnvelopeError['code'], options?: ErrorOptions) {
    super(code === 'unknown_key' ? 'a row is sealed with a key that is not here' : 'a row is not authentic', options);
    this.code = code;
  }
}

/** Seals with the newest key of the ring. */
export const sealEnvelope = (
  keyring: DataKeyring,
  owner: EnvelopeOwner,
  content: EnvelopeContent,
  randomBytes: (length: number) => Buffer = cryptoRandomBytes,
): Buffer => {
  const { id, key } = keyring.sealing;
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', recordKey(key, owner), nonce);
  cipher.setAAD(ownerBytes(owner));
  const ciphertext = Buffer.concat([cipher.update(JSON.stringify(content), 'utf8'), cipher.final()]);
  const keyId = Buffer.from(id);
  return Buffer.concat([Buffer.from([format, keyId.length]), keyId, nonce, cipher.getAuthTag(), ciphertext]);
};

/**
 * Opens what {@link sealEnvelope} made for the same owner.
 * @throws EnvelopeError
 */
export const openEnvelope = (keyring: DataKeyring, owner: EnvelopeOwner, sealed: Buffer): EnvelopeContent => {
  const keyIdEnd = 2 + (sealed[1] ?? 0);
  const tagStart = keyIdEnd + nonceLength;
  const textStart = tagStart + tagLength;
  if (sealed[0] !== format || sealed.length < textStart) throw new EnvelopeError('not_authentic');
  const key = keyring.find(sealed.toString('utf8', 2, keyIdEnd));
  if (!key) throw new EnvelopeError('unknown_key');
  const decipher = createDecipheriv('aes-256-gcm', recordKey(key, owner), sealed.subarray(keyIdEnd, tagStart), {
    authTagLength: tagLength,
  });
  decipher.setAAD(ownerBytes(owner));
  decipher.setAuthTag(sealed.subarray(tagStart, textStart));
  let text: string;
  try {
    text = Buffer.concat([decipher.update(sealed.subarray(textStart)), decipher.final()]).toString('utf8');
  } catch (error) {
    throw new EnvelopeError('not_authentic', { cause: error });
  }
  return contentSchema.parse(JSON.parse(text));
};

const ownerBytes = ({ kind, idHash }: EnvelopeOwner): Buffer => Buffer.concat([Buffer.from(`${kind}\0`), idHash]);

const recordKey = (key: Buffer, owner: EnvelopeOwner): Buffer =>
  createHmac('sha256', key).update(`record\0${owner.kind}\0`).update(owner.idHash).digest();
