import { Agent, buildConnector, fetch, type RequestInit, type fetch as undiciFetch } from 'undici';

/** `fetch`, of which a {@link RelyingParty} is told how to reach its issuer. */
export type IssuerFetch = (url: URL | string, init?: RequestInit) => ReturnType<typeof undiciFetch>;

/** How this machine reaches an issuer whose name leads nowhere but to this machine. */
export type IssuerConnection = {
  /** Leads every request to loopback, whatever the host of its URL, and trusts the given CA alone. */
  readonly fetch: IssuerFetch;
  close(): Promise<void>;
};

/** Where the issuer listens, and the CA (PEM) that its certificate is from. */
export type IssuerEntrance = {
  readonly ca: string;
  /** A port of loopback; the URL's own when it is left out. */
  readonly port?: number;
};

const connectTimeoutMilliseconds = 5_000;

/** `acme.localhost` is loopback for browsers; for the C library, and so for Node, often not. */
export const createIssuerConnection = ({ ca, port }: IssuerEntrance): IssuerConnection => {
  const connector = buildConnector({ ca, timeout: connectTimeoutMilliseconds });
  const dispatcher = new Agent({
    connect: (options, callback) =>
      connector(
        {
          ...options,
          servername: options.servername ?? options.hostname,
          hostname: '127.0.0.1',
          port: port === undefined ? options.port : String(port),
        },
        callback,
      ),
  });
  return { fetch: (url, init = {}) => fetch(url, { ...init, dispatcher }), close: () => dispatcher.close() };
};
