import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { KubeConfig } from '@kubernetes/client-node';
import type { Dispatcher } from 'undici';
import { generateCertificateAuthority, issueCertificate } from '../keys/internal-certificate.ts';
import { systemClock } from '../runtime/clock.ts';
import { createKubernetesConnection } from '../runtime/kubernetes-connection.ts';
import { readLines } from '../runtime/watch-stream.ts';
import { type ApiCall, parseApiCall } from './fault-proxy/api-call.ts';
import { buildFailureStatus, type Fault, type FaultPlan, type RefusalStatus } from './fault-proxy/fault.ts';
import { buildStaleUrl, readStaleObject } from './fault-proxy/stale-answer.ts';
import { createWatchGate, type WatchGate } from './fault-proxy/watch-gate.ts';

/** A call that came by, and what became of it. */
export type RecordedCall = ApiCall & {
  /** What the API server answered: 201 where an apply or a creation made the object. Absent while it has not, or never heard of it. */
  status?: number;
  fault?: Fault['kind'];
};

/** Stands between one client and the API server, and does on demand what networks and API servers do rarely. */
export type FaultProxy = {
  /** Leads here. It holds no credential: the proxy acts with its own. */
  readonly kubeconfig: string;
  /** Every call in the order of arrival. */
  readonly calls: readonly RecordedCall[];
  readonly watches: WatchGate;
  /** Which faults happen from now on; none without a plan. */
  plan: FaultPlan;
  /** Resolves when a fault of the plan has killed whoever speaks through this proxy. */
  readonly killed: Promise<void>;
  /**
   * Ends every connection and takes no more. Resolves when nothing that was passed on is under way any more: from then on
   * the API server hears nothing of this client.
   */
  close(): Promise<void>;
};

/** Options of {@link startFaultProxy}. */
export type FaultProxyOptions = {
  /** Whose rights the client has behind the proxy. */
  readonly kubeconfig: string;
  /** Where the client asks for all namespaces, it gets this one alone: several operators at one API server. */
  readonly namespace?: string;
};

type Forwarded = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers' | 'body'>;

const clusterScoped = new Set(['nodes', 'namespaces', 'customresourcedefinitions']);

/** The same collection within one namespace. */
const withinNamespace = (url: URL, { resource, namespace, verb }: ApiCall, only: string | undefined): URL => {
  const isOfAll = (verb === 'list' || verb === 'watch') && namespace === undefined && resource !== '';
  if (only === undefined || !isOfAll || clusterScoped.has(resource)) return url;
  const scoped = new URL(url);
  scoped.pathname = scoped.pathname.replace(/\/([^/]+)$/, `/namespaces/${only}/$1`);
  return scoped;
};

const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has such an address.
  return (server.address() as AddressInfo).port;
};

const buildKubeconfig = (port: number, authority: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'proxied',
        cluster: {
          server: `https://127.0.0.1:${port}`,
          'certificate-authority-data': Buffer.from(authority).toString('base64'),
        },
      },
    ],
    users: [{ name: 'proxied', user: {} }],
    contexts: [{ name: 'proxied', context: { cluster: 'proxied', user: 'proxied' } }],
    'current-context': 'proxied',
  });

const answerFailure = (response: ServerResponse, status: RefusalStatus | 504, retryAfter?: number) => {
  const headers = {
    'content-type': 'application/json',
    ...(retryAfter === undefined ? {} : { 'retry-after': `${retryAfter}` }),
  };
  response.writeHead(status, headers).end(JSON.stringify(buildFailureStatus(status)));
};

const headersOf = ({ headers }: Forwarded): Record<string, string> =>
  Object.fromEntries(
    ['content-type', 'retry-after'].flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );

/** Passes a watch on line by line, through the gate. */
const relayWatch = async (forwarded: Forwarded, response: ServerResponse, call: ApiCall, gate: WatchGate) => {
  response.writeHead(forwarded.statusCode, headersOf(forwarded)).flushHeaders();
  const relay = gate.join(call, response);
  try {
    for await (const line of readLines(forwarded.body)) relay(line);
  } catch {
    // The client left, or the server did: either way this watch is over.
  }
  response.end();
};

/** Starts a proxy on a free port of the loopback address. */
export const startFaultProxy = async ({ kubeconfig, namespace }: FaultProxyOptions): Promise<FaultProxy> => {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(kubeconfig);
  const connection = createKubernetesConnection(kubeConfig, systemClock);
  const now = new Date();
  const authority = generateCertificateAuthority('fault-proxy', now);
  const leaf = {
    commonName: 'fault-proxy',
    subjectAltNames: [{ type: 'ip' as const, value: '127.0.0.1' }],
    lifetime: 'leaf' as const,
  };
  const { 'tls.crt': cert, 'tls.key': key } = issueCertificate(authority, leaf, now);

  const calls: RecordedCall[] = [];
  const watches = createWatchGate();
  const killed = Promise.withResolvers<void>();
  /** Calls that the API server may be working on. */
  const underWay = new Set<Promise<unknown>>();
  let isClosed = false;

  const forward = async (url: URL, request: IncomingMessage, body: string, signal: AbortSignal): Promise<Forwarded> => {
    const { dispatcher, headers } = await connection.open();
    const { accept = 'application/json', 'content-type': contentType, 'user-agent': userAgent } = request.headers;
    return dispatcher.request({
      origin: connection.server,
      path: `${url.pathname}${url.search}`,
      method: request.method as Dispatcher.HttpMethod,
      headers: {
        ...headers,
        accept,
        ...(userAgent === undefined ? {} : { 'user-agent': userAgent }),
        ...(contentType === undefined ? {} : { 'content-type': contentType }),
      },
      body: body === '' ? null : body,
      signal,
      bodyTimeout: 0,
    });
  };

  const cut = (response: ServerResponse): void => void response.socket?.destroy();

  /** Ends the client's connections at once, before anything else can happen. */
  const stopTaking = (): void => {
    isClosed = true;
    server.closeAllConnections();
  };

  const pass = async (
    call: RecordedCall,
    fault: Fault | undefined,
    url: URL,
    request: IncomingMessage,
    body: string,
    response: ServerResponse,
  ): Promise<void> => {
    const left = new AbortController();
    // Only what reads may be given up: a write that the API server has heard of is waited for, whoever has left.
    if (call.verb === 'watch' || call.verb === 'list') response.once('close', () => left.abort());
    const scoped = withinNamespace(url, call, namespace);
    const isStale = fault?.kind === 'stale';
    const forwarded = await forward(
      isStale ? buildStaleUrl(scoped, call, fault.resourceVersion) : scoped,
      request,
      body,
      left.signal,
    );
    call.status = forwarded.statusCode;
    if (call.verb === 'watch' && forwarded.statusCode === 200) return relayWatch(forwarded, response, call, watches);
    const whole = await text(forwarded.body);
    const answer =
      isStale && call.verb === 'get' && forwarded.statusCode === 200
        ? readStaleObject(whole)
        : { status: forwarded.statusCode, body: whole };
    switch (fault?.kind) {
      case 'kill-after':
        stopTaking();
        return killed.resolve();
      case 'cut-after':
        return cut(response);
      case 'time-out':
        return answerFailure(response, 504);
      case 'silence':
        return;
      case 'cut-within':
        response.writeHead(answer.status, {
          ...headersOf(forwarded),
          'content-length': Buffer.byteLength(answer.body),
        });
        response.write(answer.body.slice(0, answer.body.length / 2), () => cut(response));
        return;
      default:
        response.writeHead(answer.status, headersOf(forwarded)).end(answer.body);
    }
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    if (isClosed) return cut(response);
    const url = new URL(request.url ?? '/', connection.server);
    const contentType = request.headers['content-type'] ?? '';
    const call: RecordedCall = parseApiCall({ method: request.method ?? 'GET', url, contentType, body });
    calls.push(call);
    const fault = proxy.plan(call);
    if (fault !== undefined) call.fault = fault.kind;
    switch (fault?.kind) {
      case 'kill-before':
        stopTaking();
        return killed.resolve();
      case 'cut-before':
        return cut(response);
      case 'refuse':
        return answerFailure(response, fault.status, fault.retryAfterSeconds);
      default:
        await pass(call, fault, url, request, body, response);
    }
  };

  const server = createServer({ cert, key }, (request, response) => {
    const handled = handle(request, response)
      .catch(() => cut(response))
      .finally(() => underWay.delete(handled));
    underWay.add(handled);
  });
  const port = await listen(server);

  const proxy: FaultProxy = {
    kubeconfig: buildKubeconfig(port, authority.certificatePem),
    calls,
    watches,
    plan: () => undefined,
    killed: killed.promise,
    close: async () => {
      stopTaking();
      await Promise.all(underWay);
      await connection.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
};
