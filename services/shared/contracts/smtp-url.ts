/** A mail server, as a URL says. */
export type SmtpAddress = {
  readonly host: string;
  readonly port: number;
  /** `implicit`: TLS from the first byte; `starttls`: demanded before anything else is said; `none` by name only. */
  readonly tls: 'implicit' | 'starttls' | 'none';
  /** False only where the URL asks for it. */
  readonly verifyCertificate: boolean;
  readonly username?: string;
  readonly password?: string;
};

const defaultPorts = { 'smtps:': 465, 'smtp:': 587 } as const;

const isScheme = (protocol: string): protocol is keyof typeof defaultPorts => Object.hasOwn(defaultPorts, protocol);

const decode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
};

/**
 * Parses `smtps://user:password@host:465` (TLS) or `smtp://user:password@host:587` (STARTTLS, which must be there). What
 * weakens that stands in so many words: `?tls=no-verify`, or `?tls=disable` for `smtp`. Undefined for anything else.
 */
export const parseSmtpUrl = (text: string): SmtpAddress | undefined => {
  const url = URL.parse(text.trim());
  if (url === null || !isScheme(url.protocol) || url.hostname === '' || url.hash !== '') return undefined;
  if (url.pathname !== '' && url.pathname !== '/') return undefined;
  const tls = url.searchParams.get('tls');
  const isKnown = tls === null || tls === 'no-verify' || (tls === 'disable' && url.protocol === 'smtp:');
  if (!isKnown || url.searchParams.size > (tls === null ? 0 : 1)) return undefined;
  const username = decode(url.username);
  const password = decode(url.password);
  if (username === undefined || password === undefined) return undefined;
  const port = url.port === '' ? defaultPorts[url.protocol] : Number(url.port);
  if (port === 0) return undefined;
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    tls: tls === 'disable' ? 'none' : url.protocol === 'smtps:' ? 'implicit' : 'starttls',
    verifyCertificate: tls !== 'no-verify',
    ...(username === '' ? {} : { username, password }),
  };
};
