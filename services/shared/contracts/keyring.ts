import { z } from 'zod';

/** Signing algorithms that a tenant may choose (RFC 7518, RFC 8037), in the spelling of `alg`. */
export const signingAlgorithmSchema = z.enum(['ES256', 'EdDSA', 'RS256', 'PS256']);
export type SigningAlgorithm = z.infer<typeof signingAlgorithmSchema>;

const instant = z.iso.datetime();

/** The public part of a signing key (RFC 7517). Loose, because each key type has members of its own. */
const publicJwkSchema = z.looseObject({
  kty: z.string(),
  kid: z.string(),
  alg: signingAlgorithmSchema,
  use: z.literal('sig'),
});

/** A key's way through a rotation; `docs/key-rotation.md` tells what each state promises to verifiers. */
export const signingKeyStateSchema = z.enum(['Pending', 'Published', 'Active', 'Superseded', 'Retiring', 'Retired']);

export const signingKeySchema = z.object({
  /** RFC 7638 thumbprint. */
  kid: z.string().min(1),
  algorithm: signingAlgorithmSchema,
  state: signingKeyStateSchema,
  createdAt: instant,
  publishedAt: instant.optional(),
  activatedAt: instant.optional(),
  retireAfter: instant.optional(),
  publicJwk: publicJwkSchema,
});
export type SigningKey = z.infer<typeof signingKeySchema>;

/**
 * `keyring.json` in the Secret `<tenant>-signing-keys`: everything about the signing keys but their private parts, which
 * are entries `<kid>.pem` (PKCS#8) of the same Secret. The gateway mounts this one entry, auth mounts all.
 */
export const keyringSchema = z.object({
  uuid: z.uuid(),
  /** Grows by one with every write; pods are compared by it. */
  revision: z.int().min(1),
  keys: z.array(signingKeySchema),
});
export type Keyring = z.infer<typeof keyringSchema>;

/** File name of the keyring in its Secret and in every mount of it. */
export const keyringFileName = 'keyring.json';
