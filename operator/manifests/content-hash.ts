import { createHash } from 'node:crypto';
import { stringify } from 'safe-stable-stringify';

/** JSON with sorted keys: equal content, equal text, whatever order an object was built in. */
export const canonicalJson = (value: object | string): string => stringify(value);

/** Ten hexadecimal digits that name a content: the suffix of immutable ConfigMaps and of Jobs. */
export const contentHash = (value: object | string): string =>
  createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 10);
