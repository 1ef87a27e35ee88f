import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { sendProblem } from './problem-details.ts';

const finishMilliseconds = 25_000;

/** A server that the service listens with; build it, do not listen. */
export type ServiceServer = {
  /** Key of its port in the result, and its name in the log. */
  name: string;
  server: Server | SecureServer;
  /** 0 takes a free one. */
  port: number;
  /** How long an idle connection stays open, ms. Longer than the callers' own idle timeout; 65 s unless said otherwise. */
  keepAliveMilliseconds?: number;
};

export type ServiceOptions = {
  name: string;
  settings: { listenAddress: string; probePort: number; drainMilliseconds: number };
  logger: Logger;
  servers: ServiceServer[];
  /** Reasons why the service is not ready; empty means ready. Called at each probe: cheap and without I/O. */
  ready: () => string[];
  metrics?: Registry;
  /** Called when callers are asked to leave: ends answers that would not end by themselves. */
  onDrain?: () => void;
  /** Called when no request is left: close pools, stop watches. */
  onShutdown?: () => void | Promise<void>;
};

export type RunningService = {
  /** Real ports by the servers' names, and `probe`. */
  ports: Record<string, number>;
  /** Drains and ends; a second call awaits the same end. */
  stop(): Promise<void>;
};

const listen = async (server: Server | SecureServer, port: number, address: string): Promise<number> => {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
  // `as`: a TCP server that listens has an AddressInfo, strings are for pipes.
  return (server.address() as AddressInfo).port;
};

const createProbeServer = (ready: () => string[], metrics: Registry | undefined): Server =>
  createServer((request, response) => {
    const answer = async () => {
      if (request.url === '/livez') {
        response.end('ok\n');
        return;
      }
      if (request.url === '/readyz') {
        const reasons = ready();
        response.statusCode = reasons.length === 0 ? 200 : 503;
        response.end(reasons.length === 0 ? 'ok\n' : `${reasons.join('\n')}\n`);
        return;
      }
      if (request.url === '/metrics' && metrics) {
        const text = await metrics.metrics();
        response.setHeader('Content-Type', metrics.contentType);
        response.end(text);
        return;
      }
      sendProblem(response, { status: 404, type: 'urn:identity-operator:problem:not-found', title: 'Not found' });
    };
    answer().catch(() => response.destroy());
  });

/** Makes every answer that has not begun yet ask its client to close the connection, once `draining()` says so. */
const trackAnswers = (server: Server | SecureServer, draining: () => boolean): { askToClose(): void } => {
  const open = new Set<ServerResponse>();
  server.prependListener('request', (_request, response: ServerResponse) => {
    if (draining()) {
      response.setHeader('Connection', 'close');
      return;
    }
    open.add(response);
    response.once('close', () => open.delete(response));
  });
  return {
    askToClose: () => {
      for (const response of open) {
        if (!response.headersSent) {
          response.setHeader('Connection', 'close');
        }
      }
    },
  };
};

/** Stops listening, closes idle connections, lets requests in flight finish for 25 s, then cuts. */
const close = async (server: Server | SecureServer): Promise<void> => {
  const cut = setTimeout(() => server.closeAllConnections(), finishMilliseconds);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(cut);
};

/**
 * Starts the probes first, then the service's servers. Stopping answers 503 to `/readyz`, asks every client to close,
 * goes on accepting for `drainMilliseconds` while endpoints and clients move away, and then ends (docs: no preStop hook).
 */
export const startService = async (options: ServiceOptions): Promise<RunningService> => {
  const { settings, logger, servers } = options;
  let draining = false;
  const probe = createProbeServer(() => (draining ? ['draining'] : options.ready()), options.metrics);
  const ports: Record<string, number> = { probe: await listen(probe, settings.probePort, settings.listenAddress) };
  const tracked = servers.map(({ server }) => trackAnswers(server, () => draining));
  for (const { name, server, port, keepAliveMilliseconds } of servers) {
    server.keepAliveTimeout = keepAliveMilliseconds ?? 65_000;
    server.headersTimeout = 15_000;
    server.requestTimeout = 300_000;
    ports[name] = await listen(server, port, settings.listenAddress);
  }
  logger.info({ ports }, 'listening');

  const drain = async () => {
    logger.info({ drainMilliseconds: settings.drainMilliseconds }, 'draining');
    draining = true;
    for (const answers of tracked) {
      answers.askToClose();
    }
    options.onDrain?.();
    await new Promise((resolve) => setTimeout(resolve, settings.drainMilliseconds));
    await Promise.all(servers.map(({ server }) => close(server)));
    await options.onShutdown?.();
    // Last, so that probes can tell a pod that drains from one that hangs.
    await close(probe);
    logger.info('ended');
  };
  let ended: Promise<void> | undefined;
  return {
    ports,
    stop: () => {
      ended ??= drain();
      return ended;
    },
  };
};

/**
 * `startService` for a process of its own: SIGTERM and SIGINT drain it and end it with 0, a second signal ends it at once,
 * an exception that nobody caught ends it with 1.
 */
export const runService = async (options: ServiceOptions): Promise<RunningService> => {
  const { logger } = options;
  const fail = (error: unknown) => {
    logger.fatal({ err: error }, 'unexpected end');
    process.exit(1);
  };
  process.on('unhandledRejection', fail);
  process.on('uncaughtException', fail);
  const service = await startService(options);
  let signalled = false;
  const onSignal = () => {
    if (signalled) {
      process.exit(1);
    }
    signalled = true;
    service.stop().then(() => process.exit(0), fail);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return service;
};
