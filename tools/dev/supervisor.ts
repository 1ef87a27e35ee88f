import { setTimeout as delay } from 'node:timers/promises';
import type { Child } from './child.ts';
import { displayPath } from './display-path.ts';
import { formatLogLine } from './log-line.ts';
import { loopback } from './settings.ts';

const readyMilliseconds = 30_000;

/** A service, and how to know that it is up. */
export type SupervisedService = {
  readonly name: string;
  /** Its `/readyz` answers here. */
  readonly readyPort: number;
  readonly logFile: string;
  readonly start: () => Child;
};

/** Starts services and notices their end. */
export type Supervisor = {
  /** Starts a service and waits until it is ready. Throws one sentence when it ends before, or takes too long. */
  start(service: SupervisedService): Promise<void>;
  /** Ends a service that was started, whether it runs or not, and starts it again. Throws as `start` does. */
  restart(name: string): Promise<void>;
  /** Resolves with one sentence when a service that was ready ended by itself. */
  readonly failed: Promise<string>;
  /** Ends all services. */
  stop(): Promise<void>;
};

/** One sentence on a process that ended by itself, and the last line of its log. */
export const describeEnd = (name: string, logFile: string, { code, lastLine }: Awaited<Child['ended']>): string => {
  const how = code === null ? 'it was killed' : `exit code ${code}`;
  const last = lastLine === '' ? '' : `\n${formatLogLine(name, lastLine)}`;
  return `${name} ended by itself (${how}); its log is ${displayPath(logFile)}${last}`;
};

const answersReady = (port: number): Promise<boolean> =>
  fetch(`http://${loopback}:${port}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );

const waitUntilReady = async (
  child: Child,
  { name, readyPort, logFile }: SupervisedService,
  signal: AbortSignal,
): Promise<void> => {
  const deadline = Date.now() + readyMilliseconds;
  const ended = child.ended.then((end) => describeEnd(name, logFile, end));
  while (Date.now() < deadline) {
    if (await answersReady(readyPort)) return;
    signal.throwIfAborted();
    const end = await Promise.race([ended, delay(50)]);
    if (end !== undefined) throw new Error(end);
  }
  throw new Error(`${name} is not ready after ${readyMilliseconds / 1_000} s; its log is ${displayPath(logFile)}`);
};

/** @param signal ends waiting for a service that starts */
export const createSupervisor = (signal: AbortSignal): Supervisor => {
  const services = new Map<string, { readonly service: SupervisedService; readonly child: Child }>();
  const { promise: failed, resolve: fail } = Promise.withResolvers<string>();

  const start = async (service: SupervisedService): Promise<void> => {
    const child = service.start();
    services.set(service.name, { service, child });
    await waitUntilReady(child, service, signal);
    // Not awaited: it ends when the service does. A child that was asked to end is no longer the service's.
    child.ended.then(
      (end) => {
        if (services.get(service.name)?.child === child) fail(describeEnd(service.name, service.logFile, end));
      },
      () => undefined,
    );
  };
  const end = async (name: string): Promise<SupervisedService | undefined> => {
    const running = services.get(name);
    services.delete(name);
    await running?.child.stop();
    return running?.service;
  };

  return {
    start,
    failed,
    restart: async (name) => {
      const service = await end(name);
      if (service !== undefined) await start(service);
    },
    stop: async () => {
      // The last one started is called by nobody.
      for (const name of [...services.keys()].reverse()) await end(name);
    },
  };
};
