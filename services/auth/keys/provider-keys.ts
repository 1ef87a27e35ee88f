import { constants, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { ExternalSigningKey } from 'oidc-provider';
import type { SigningAlgorithm, SigningKey } from '../../shared/contracts/keyring.ts';
import type { SigningKeys } from './signing-key-files.ts';

const signers: Record<SigningAlgorithm, (data: Uint8Array, key: KeyObject) => Buffer> = {
  ES256: (data, key) => sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' }),
  EdDSA: (data, key) => sign(null, data, key),
  RS256: (data, key) => sign('sha256', data, key),
  PS256: (data, key) =>
    sign('sha256', data, {
      key,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    }),
};

/**
 * A key of the keyring as oidc-provider takes it. With a private key it signs, in the calling thread, where an ES256
 * signature costs a third of a trip through the thread pool; without one it verifies only (`id_token_hint`).
 */
class KeyringKey extends ExternalSigningKey {
  readonly #key: SigningKey;
  readonly #publicKey: KeyObject;
  readonly #privateKey: KeyObject | undefined;

  constructor(key: SigningKey, privateKey: KeyObject | undefined) {
    super();
    this.#key = key;
    this.#publicKey = createPublicKey({ key: key.publicJwk as Record<string, string>, format: 'jwk' });
    this.#privateKey = privateKey;
  }

  override get kid(): string {
    return this.#key.kid;
  }

  override get alg(): string {
    return this.#key.algorithm;
  }

  // oidc-provider assigns the algorithm that it derives; it is ours already.
  override set alg(_derived: string) {}

  override get key_ops(): string[] {
    return this.#privateKey === undefined ? ['verify'] : ['sign', 'verify'];
  }

  override keyObject(): KeyObject {
    return this.#publicKey;
  }

  override sign(data: Uint8Array): Buffer {
    if (this.#privateKey === undefined) throw new Error(`key ${this.kid} may not sign`);
    return signers[this.#key.algorithm](data, this.#privateKey);
  }
}

/** All keys of the keyring, the active one able to sign. Retired ones verify what they once signed. */
export const buildProviderKeys = ({ keyring, active }: SigningKeys): ExternalSigningKey[] =>
  keyring.keys.map((key) => new KeyringKey(key, key.kid === active.key.kid ? active.privateKey : undefined));
