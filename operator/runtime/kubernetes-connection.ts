import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import type { DispatcherOptions, KubeConfig } from '@kubernetes/client-node';
import { Agent, type buildConnector, type Dispatcher, ProxyAgent } from 'undici';
import type { Clock } from './clock.ts';

/** Where the API server is and how to speak to it now. */
export interface KubernetesConnection {
  /** The server's URL without a trailing slash; it may hold a path (Rancher). */
  readonly server: string;
  /** The shared dispatcher and the headers that authenticate. */
  open(): Promise<{ dispatcher: Dispatcher; headers: Record<string, string> }>;
  /** Makes the next `open` ask for credentials anew: the server has just refused them. */
  invalidate(): void;
  close(): Promise<void>;
}

type DispatcherConfiguration = Exclude<ReturnType<KubeConfig['createDispatcherOptions']>, { type: 'socks' }>;

// How long credentials are reused before KubeConfig is asked again. It reads the CA from disk at every call; its
// providers keep tokens as long as they may (service account files: one minute).
const credentialsMs = 10_000;

// HTTP/1.1 on purpose: one HTTP/2 connection for everything lets a stalled one stop all watches at once.
const shared = { allowH2: false, keepAliveTimeout: 30_000, connections: null } as const;

// Both are Node's TLS options; undici's typings lack the `| undefined` that client-node's have.
const connectorOptions = (options: ConnectionOptions): buildConnector.BuildOptions =>
  options as buildConnector.BuildOptions;

const buildDispatcher = (options: DispatcherConfiguration): Dispatcher => {
  switch (options.type) {
    case 'agent':
      return new Agent({ ...shared, connect: connectorOptions({ ...options.connect, timeout: 5_000 }) });
    case 'proxy':
      return new ProxyAgent({ ...shared, uri: options.uri, requestTls: connectorOptions(options.requestTls) });
    case 'none':
      return new Agent({ ...shared, connect: { timeout: 5_000, keepAlive: true, keepAliveInitialDelay: 30_000 } });
  }
};

const supported = (options: DispatcherOptions): DispatcherConfiguration => {
  if (options.type === 'socks') throw new Error('a SOCKS proxy to the API server is not supported');
  return options;
};

// Changes when a certificate or the CA was renewed on disk: then, and only then, connections are made anew.
const fingerprint = (options: DispatcherConfiguration): string =>
  createHash('sha256').update(JSON.stringify(options)).digest('base64');

const stringHeaders = (headers: RequestOptions['headers']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers ?? {}).flatMap(([name, value]) =>
      value === undefined ? [] : [[name.toLowerCase(), String(value)]],
    ),
  );

/**
 * Authenticates by `kubeConfig` (client certificates, service account files, exec and OIDC providers) over one shared
 * dispatcher. client-node makes a new Agent for each request of its own: a TLS handshake each.
 */
export const createKubernetesConnection = (kubeConfig: KubeConfig, clock: Clock): KubernetesConnection => {
  const cluster = kubeConfig.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig has no current cluster');

  let current: { dispatcher: Dispatcher; fingerprint: string; headers: Record<string, string> } | undefined;
  let freshUntil = Number.NEGATIVE_INFINITY;
  let refreshing: Promise<void> | undefined;

  const refresh = async (): Promise<void> => {
    const options: RequestOptions = {};
    await kubeConfig.applyToHTTPSOptions(options);
    const configuration = supported(
      kubeConfig.createDispatcherOptions(cluster, {
        ca: options.ca,
        cert: options.cert,
        key: options.key,
        pfx: options.pfx,
        passphrase: options.passphrase,
        rejectUnauthorized: options.rejectUnauthorized,
        servername: options.servername,
      }),
    );
    const headers = stringHeaders(options.headers);
    if (typeof options.auth === 'string') {
      headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    }
    const print = fingerprint(configuration);
    if (current?.fingerprint === print) {
      current = { ...current, headers };
    } else {
      // Requests under way finish on the old dispatcher; nobody waits for its watches to end.
      current?.dispatcher.close().catch(() => undefined);
      current = { dispatcher: buildDispatcher(configuration), fingerprint: print, headers };
    }
    freshUntil = clock.monotonic() + credentialsMs;
  };

  return {
    server: cluster.server.replace(/\/+$/, ''),
    open: async () => {
      if (clock.monotonic() >= freshUntil) {
        refreshing ??= refresh().finally(() => {
          refreshing = undefined;
        });
        await refreshing;
      }
      if (current === undefined) throw new Error('no connection was configured');
      return current;
    },
    invalidate: () => {
      freshUntil = Number.NEGATIVE_INFINITY;
    },
    close: async () => {
      await current?.dispatcher.destroy();
    },
  };
};
