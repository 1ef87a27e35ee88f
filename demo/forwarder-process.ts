import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { demoFile, readDemoFile, writeDemoFile } from './demo-state.ts';

/** What `forwarder.ts` says once, when it listens or cannot. */
export const forwarderReportSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('listening'), applicationUrl: z.string() }),
  z.object({ state: z.literal('failed'), reason: z.string() }),
]);
export type ForwarderReport = z.infer<typeof forwarderReportSchema>;

/** Arguments of `forwarder.ts`. */
export type ForwarderArguments = {
  readonly kubeconfigPath: string;
  /** How connections get to the gateway: by a node port, or by the API server where the nodes are not this machine's. */
  readonly by: 'node-port' | 'api-server';
};

const processSchema = z.object({ pid: z.int().min(1), startedAt: z.string() });
/** A process with its start time, so that a later stop cannot hit another one that was given the same pid. */
type RecordedProcess = z.infer<typeof processSchema>;

const recordName = 'forwarder.json';
/** The folder of the program: the process runs in the checkout. */
const project = path.resolve(import.meta.dirname, '..');
const stopMilliseconds = 5_000;

/** Start time of a process in clock ticks since boot: field 22 of /proc/PID/stat, after the name, which may hold spaces. */
const startTime = (pid: number): string | undefined => {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[19];
  } catch {
    return undefined;
  }
};

const isRunning = ({ pid, startedAt }: RecordedProcess): boolean => startTime(pid) === startedAt;

const findForwarder = async (): Promise<RecordedProcess | undefined> => {
  const text = await readDemoFile(recordName);
  const recorded = text === undefined ? undefined : processSchema.safeParse(JSON.parse(text)).data;
  return recorded !== undefined && isRunning(recorded) ? recorded : undefined;
};

/** Ends the forwarder of an earlier demo, by its own pid; returns when its ports are free. */
export const stopForwarder = async (): Promise<void> => {
  const recorded = await findForwarder();
  if (recorded !== undefined) {
    process.kill(recorded.pid, 'SIGTERM');
    const end = performance.now() + stopMilliseconds;
    while (isRunning(recorded) && performance.now() < end) await delay(20);
    if (isRunning(recorded)) process.kill(recorded.pid, 'SIGKILL');
  }
  await rm(demoFile(recordName), { force: true });
};

/** Whether a forwarder of an earlier demo holds the ports. */
export const forwarderRuns = async (): Promise<boolean> => (await findForwarder()) !== undefined;

/**
 * Starts the forwarder as a process that outlives this one; returns when it listens.
 * @throws Error with the forwarder's own sentence
 */
export const startForwarderProcess = async ({ kubeconfigPath, by }: ForwarderArguments): Promise<string> => {
  await stopForwarder();
  await writeDemoFile('forwarder.log', '');
  const log = await open(demoFile('forwarder.log'), 'a');
  const child = spawn(process.execPath, ['demo/forwarder.ts', kubeconfigPath, by], {
    cwd: project,
    detached: true,
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
  });
  await log.close();
  const report = await new Promise<ForwarderReport>((resolve) => {
    child.once('message', (message) => resolve(forwarderReportSchema.parse(message)));
    child.once('error', ({ message }) => resolve({ state: 'failed', reason: message }));
    child.once('exit', (code) => resolve({ state: 'failed', reason: `the forwarder ended with exit code ${code}` }));
  });
  if (report.state === 'failed') throw new Error(report.reason);
  const { pid = 0 } = child;
  await writeDemoFile(recordName, JSON.stringify({ pid, startedAt: startTime(pid) ?? '' } satisfies RecordedProcess));
  child.disconnect();
  child.unref();
  return report.applicationUrl;
};
