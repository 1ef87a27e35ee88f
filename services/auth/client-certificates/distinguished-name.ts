/** Attribute types that have several names (RFC 4514, 3; RFC 4519; what OpenSSL and Java write), by one of them. */
const attributeNames: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.4': 'SN',
  '2.5.4.5': 'SERIALNUMBER',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'TITLE',
  '2.5.4.42': 'GN',
  '2.5.4.97': 'ORGANIZATIONIDENTIFIER',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'EMAILADDRESS',
  COMMONNAME: 'CN',
  COUNTRYNAME: 'C',
  DOMAINCOMPONENT: 'DC',
  E: 'EMAILADDRESS',
  EMAIL: 'EMAILADDRESS',
  GIVENNAME: 'GN',
  LOCALITYNAME: 'L',
  ORGANIZATIONALUNITNAME: 'OU',
  ORGANIZATIONNAME: 'O',
  S: 'ST',
  STATEORPROVINCENAME: 'ST',
  STREETADDRESS: 'STREET',
  SURNAME: 'SN',
  USERID: 'UID',
};

/** Splits at a separator that no backslash stands before. */
const splitUnescaped = (text: string, separator: string): string[] => {
  const parts = [''];
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charAt(index);
    if (character === separator) parts.push('');
    else parts.push(`${parts.pop() ?? ''}${character}${character === '\\' ? text.charAt(++index) : ''}`);
  }
  return parts;
};

/** Spaces around a value are none of it, unless they are escaped. */
const trimUnescaped = (text: string): string => {
  const trimmed = text.trim();
  return trimmed.endsWith('\\') && text.trimStart().length > trimmed.length ? `${trimmed} ` : trimmed;
};

/** RFC 4514, 2.4: `\,`, and `\2C` for a byte of UTF-8. */
const unescapeValue = (text: string): string | undefined => {
  const bytes: Buffer[] = [];
  for (const [part] of text.matchAll(/\\[0-9a-fA-F]{2}|\\.|[^\\]+|\\$/gs)) {
    if (part === '\\') return undefined;
    if (!part.startsWith('\\')) bytes.push(Buffer.from(part));
    else bytes.push(part.length === 3 ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part.slice(1)));
  }
  return Buffer.concat(bytes).toString('utf8');
};

const parseAttribute = (text: string): string | undefined => {
  const equals = text.indexOf('=');
  if (equals < 1) return undefined;
  const type = text
    .slice(0, equals)
    .trim()
    .toUpperCase()
    .replace(/^OID\./, '');
  const written = trimUnescaped(text.slice(equals + 1));
  // `#04024869`: the encoding itself, which says nothing that could be compared with a text.
  const value = written.startsWith('#') ? undefined : unescapeValue(written);
  return value === undefined ? undefined : JSON.stringify([attributeNames[type] ?? type, value]);
};

/** The attributes of one part; several of them have no order. */
const parseRelativeName = (text: string): string | undefined => {
  const attributes = splitUnescaped(text, '+').map(parseAttribute);
  return attributes.includes(undefined) ? undefined : attributes.sort().join(' ');
};

const parseParts = (parts: readonly string[]): string[] | undefined => {
  const names = parts.map(parseRelativeName);
  return names.every((name) => name !== undefined) ? names : undefined;
};

/** A name as RFC 4514 writes it: the part that a certificate has last comes first. Undefined for what is none. */
const parseDistinguishedName = (text: string): string[] | undefined => parseParts(splitUnescaped(text, ','))?.reverse();

/** As Node prints the subject of a certificate: a part a line, in the order of the certificate. */
const parsePrintedName = (text: string): string[] | undefined => parseParts(text.split('\n'));

/**
 * Whether a certificate's subject is this distinguished name: the same parts in the same order, letter by letter. Names of
 * attributes may be spelled in several ways; for values that would be one more thing to get wrong.
 * @param subject of Node's `X509Certificate`
 */
export const isDistinguishedName = (subject: string, expected: string): boolean => {
  const [actual, wanted] = [parsePrintedName(subject), parseDistinguishedName(expected)];
  return (
    actual !== undefined &&
    wanted !== undefined &&
    actual.length === wanted.length &&
    actual.every((part, index) => part === wanted[index])
  );
};
