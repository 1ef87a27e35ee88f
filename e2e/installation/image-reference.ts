/** An image as the chart takes it: exactly one of tag and digest. */
export type ImageReference = { readonly repository: string } & (
  | { readonly tag: string; readonly digest?: never }
  | { readonly digest: string; readonly tag?: never }
);

/**
 * Splits `registry:5000/name:tag` or `name@sha256:...`.
 * @throws Error for a reference with neither tag nor digest: what would run then is anybody's guess.
 */
export const parseImageReference = (reference: string): ImageReference => {
  const [named = '', digest] = reference.split('@');
  // A colon before the last slash is that of the registry's port.
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const repository = colon === -1 ? named : named.slice(0, colon);
  if (digest !== undefined) return { repository, digest };
  if (colon === -1) throw new Error(`the image ${reference} needs a tag or a digest, such as ${reference}:0.1.0`);
  return { repository, tag: named.slice(colon + 1) };
};
