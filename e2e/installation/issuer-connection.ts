import { Agent, buildConnector, fetch, type RequestInit, type fetch as undiciFetch } from 'undici';

/** How this machine reaches an issuer whose name leads nowhere outside the cluster. */
export type IssuerConnection = {
  /** `fetch` that leads every request to the forwarder, whatever the host of its URL, and trusts the demo's CA. */
  fetch(url: URL | string, init?: RequestInit): ReturnType<typeof undiciFetch>;
  close(): Promise<void>;
};

/** @param port the forwarder's on this machine's loopback. */
export const createIssuerConnection = (ca: string, port: number): IssuerConnection => {
  const connector = buildConnector({ ca, timeout: 5_000 });
  const dispatcher = new Agent({
    connect: (options, callback) =>
      connector(
        { ...options, servername: options.servername ?? options.hostname, hostname: '127.0.0.1', port: String(port) },
        callback,
      ),
  });
  return {
    fetch: (url, init = {}) => fetch(url, { ...init, dispatcher }),
    close: () => dispatcher.close(),
  };
};
