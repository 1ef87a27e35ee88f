import type { VerifiedToken } from './access-token.ts';

/** Name, value, name, value: as Node's `rawHeaders`, and as undici takes them. Keeps duplicates and their order. */
export type HeaderList = string[];

// RFC 9110, 7.6.1, and what undici says itself for the next hop.
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const ownOfThisHop = new Set([...hopByHop, 'host', 'expect', 'http2-settings']);

/** Headers by which services are told who asks, and from where; believed by them, hence never the client's. */
const reservedPrefixes = [
  'x-identity-',
  'x-forwarded-',
  // A certificate that a proxy has seen: RFC 9440, and what nginx, HAProxy, Traefik and clouds are told to write.
  'client-cert',
  'x-client-cert',
  'ssl-client-',
  'x-ssl-',
  'x-amzn-mtls-',
  'x-client-verify',
  'x-client-dn',
];
const reservedNames = new Set([
  'forwarded',
  'x-real-ip',
  'client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  // By these some frameworks serve another path or method than the one that was routed.
  'x-original-url',
  'x-rewrite-url',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
]);

/** CGI, WSGI, PHP and others read `X_Identity.Subject` and `X-Identity-Subject` as one name. */
const isReserved = (name: string): boolean => {
  const asServicesReadIt = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-');
  return reservedNames.has(asServicesReadIt) || reservedPrefixes.some((prefix) => asServicesReadIt.startsWith(prefix));
};

const pairs = function* (headers: HeaderList): Generator<[name: string, value: string]> {
  for (let index = 0; index + 1 < headers.length; index += 2) {
    yield [headers[index] ?? '', headers[index + 1] ?? ''];
  }
};

/** All values of a header, each occurrence for itself (Node's `headers` shows the first of some only). */
export const headerValues = (headers: HeaderList, name: string): string[] =>
  [...pairs(headers)].filter(([candidate]) => candidate.toLowerCase() === name).map(([, value]) => value);

const namedByConnection = (headers: HeaderList): Set<string> =>
  new Set(
    headerValues(headers, 'connection').flatMap((value) => value.split(',').map((name) => name.trim().toLowerCase())),
  );

/** What of the client's headers goes on: not this hop's own, none that only the gateway may set. */
export const stripRequestHeaders = (headers: HeaderList): HeaderList => {
  const dropped = namedByConnection(headers);
  const kept: HeaderList = [];
  for (const [name, value] of pairs(headers)) {
    const lower = name.toLowerCase();
    if (!ownOfThisHop.has(lower) && !dropped.has(lower) && !isReserved(name)) {
      kept.push(name, value);
    }
  }
  return kept;
};

/** What of an upstream's headers goes back. Values that occur several times are lists, as `writeHead` takes them. */
export const stripResponseHeaders = (
  headers: Record<string, string | string[] | undefined>,
): Record<string, string | string[]> => {
  const connection = [headers['connection'] ?? []].flat().join(',');
  const dropped = namedByConnection(['connection', connection]);
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !hopByHop.has(name) && !dropped.has(name)) {
      kept[name] = value;
    }
  }
  return kept;
};

/** Where the request came from and which public address it asked for: one of ours, never what `Host` says. */
export const forwardedHeaders = (clientAddress: string, origin: URL): HeaderList => [
  'X-Forwarded-For',
  clientAddress,
  'X-Forwarded-Proto',
  origin.protocol.slice(0, -1),
  'X-Forwarded-Host',
  origin.host,
];

/** Who asks, by the token that was verified. Services verify the token, which goes on, themselves as well. */
export const identityHeaders = (token: VerifiedToken | undefined): HeaderList =>
  token === undefined
    ? []
    : [
        'X-Identity-Subject',
        token.subject,
        'X-Identity-Client',
        token.clientId,
        'X-Identity-Scope',
        token.scopes.join(' '),
      ];
