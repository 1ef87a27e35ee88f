import { createHash } from 'node:crypto';

/** JSON with sorted keys: equal content, equal text, whatever order an object was built in. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );

/** Ten hexadecimal digits that name a content: the suffix of immutable ConfigMaps and of Jobs. */
export const contentHash = (value: unknown): string =>
  createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 10);
