import { hashKeyId, hashRecordId, hashTokenId } from '../record-hash.ts';

/** What an access token says that it can be revoked by. */
export interface RevocableClaims {
  /** Of its header: the key that has signed it. */
  readonly kid?: string | undefined;
  readonly jti: string;
  readonly gid?: string | undefined;
  readonly client_id: string;
  /** The client's epoch; absent: 0. */
  readonly cep?: number | undefined;
}

/** The same as the feed names it; built once a token, asked for at each of its uses. */
export interface RevocationKeys {
  readonly entries: readonly string[];
  readonly clientId: string;
  readonly clientEpoch: number;
}

const keyLength = 16;

/** The beginning of a row's key is enough to tell it from all others, and half as much to keep in memory. */
export const shortenKey = (hash: Buffer): string => hash.subarray(0, keyLength).toString('base64url');

/** The key of everything that was signed by this one. */
export const buildKeyKey = (kid: string): string => `key ${shortenKey(hashKeyId(kid))}`;

/**
 * Keys of everything that ends this token. Its session is none of them: offline access outlives it, and the families that
 * end with it are revoked by their grants.
 */
export const buildRevocationKeys = ({ kid, jti, gid, client_id, cep = 0 }: RevocableClaims): RevocationKeys => ({
  entries: [
    `token ${shortenKey(hashTokenId(jti))}`,
    ...(kid === undefined ? [] : [buildKeyKey(kid)]),
    ...(gid === undefined ? [] : [`grant ${shortenKey(hashRecordId('grant', gid))}`]),
  ],
  clientId: client_id,
  clientEpoch: cep,
});
