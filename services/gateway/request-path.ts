/** Longest request target (path and query) that is looked at, bytes. */
const longestTarget = 8_192;

/**
 * The path of a request, in one spelling: `raw` goes upstream, `decoded` is what routes match. Both have the same segments,
 * since nothing that decodes to a separator gets this far.
 */
export type RequestPath = { raw: string; decoded: string; search: string };

export type ParsedRequestPath =
  | { ok: true; path: RequestPath }
  | { ok: false; reason: 'too_long' | 'not_a_path' | 'malformed' | 'ambiguous' };

const unreserved = /^[A-Za-z0-9\-._~]$/;

/** RFC 3986, 6.2.2: unreserved characters are never encoded, hexadecimal digits are upper case. */
const normaliseEncoding = (segment: string): string =>
  segment.replace(/%([0-9a-fA-F]{2})/g, (_all, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return unreserved.test(character) ? character : `%${hex.toUpperCase()}`;
  });

const decode = (segment: string): string | undefined => {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
};

// Some servers cut parameters off (`..;x`), some trim, before they resolve dots.
const isDotSegment = (segment: string): boolean => /^\s*\.{1,2}\s*(;.*)?$/s.test(segment);

const controlCharacters = /\p{Cc}/u;

/** What some server, on some layer of decoding, would take for another path than the one that was matched. */
const isAmbiguous = (decoded: string): boolean =>
  decoded.includes('/') || decoded.includes('\\') || controlCharacters.test(decoded) || isDotSegment(decoded);

const parseSegment = (segment: string): { raw: string; decoded: string } | 'malformed' | 'ambiguous' => {
  const raw = normaliseEncoding(segment);
  const decoded = decode(raw);
  if (decoded === undefined) {
    return 'malformed';
  }
  // A servlet container drops `;x` from a segment: `/admin;x` would match `/` here and be `/admin` there.
  if (segment.includes(';')) {
    return 'ambiguous';
  }
  let layer: string | undefined = decoded;
  for (let depth = 0; depth < 3 && layer !== undefined; depth += 1) {
    if (isAmbiguous(layer)) {
      return 'ambiguous';
    }
    // A literal percent sign ends it: `100%25` is `100%`, which decodes no further.
    layer = decode(layer);
  }
  return { raw, decoded };
};

/**
 * Takes a request target apart and refuses every one whose path could mean something else to the service behind: dot
 * segments, empty segments, encoded separators, backslashes, control characters, path parameters, double encodings of
 * these, overlong UTF-8. So a route's prefix cannot be escaped.
 */
export const parseRequestPath = (target: string): ParsedRequestPath => {
  if (target.length > longestTarget) {
    return { ok: false, reason: 'too_long' };
  }
  if (!target.startsWith('/')) {
    return { ok: false, reason: 'not_a_path' };
  }
  if (!/^[\x21-\x7e]+$/.test(target) || target.includes('#')) {
    return { ok: false, reason: 'malformed' };
  }
  const question = target.indexOf('?');
  const path = question === -1 ? target : target.slice(0, question);
  const parsed: { raw: string; decoded: string }[] = [];
  const segments = path.slice(1).split('/');
  for (const [index, segment] of segments.entries()) {
    if (segment === '' && index < segments.length - 1) {
      return { ok: false, reason: 'ambiguous' };
    }
    const result = parseSegment(segment);
    if (typeof result === 'string') {
      return { ok: false, reason: result };
    }
    parsed.push(result);
  }
  return {
    ok: true,
    path: {
      raw: `/${parsed.map(({ raw }) => raw).join('/')}`,
      decoded: `/${parsed.map(({ decoded }) => decoded).join('/')}`,
      search: question === -1 ? '' : target.slice(question),
    },
  };
};
