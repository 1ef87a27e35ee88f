import { readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

/** Where `make demo` leaves what its user goes on with: kubeconfig, CA, password. */
export const demoDirectory = path.resolve(import.meta.dirname, '../build/demo');

const processSchema = z.object({ pid: z.int().min(1), startedAt: z.string() });
/** A process with its start time, so that a later stop cannot hit another one that was given the same pid. */
export type RecordedProcess = z.infer<typeof processSchema>;

const file = (name: string): string => path.join(demoDirectory, name);

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

export const recordForwarder = async (pid: number): Promise<void> => {
  const startedAt = startTime(pid);
  if (startedAt === undefined) throw new Error('the forwarder ended at once');
  await writeDemoFile('forwarder.json', JSON.stringify({ pid, startedAt } satisfies RecordedProcess));
};

/** Whether the recorded forwarder still runs. */
const findForwarder = async (): Promise<RecordedProcess | undefined> => {
  const text = await readFile(file('forwarder.json'), 'utf8').catch(() => undefined);
  const recorded = text === undefined ? undefined : processSchema.safeParse(JSON.parse(text)).data;
  return recorded !== undefined && startTime(recorded.pid) === recorded.startedAt ? recorded : undefined;
};

/** Ends the forwarder of an earlier demo, by its own pid. */
export const stopForwarder = async (): Promise<void> => {
  const running = await findForwarder();
  if (running !== undefined) process.kill(running.pid, 'SIGTERM');
  await rm(file('forwarder.json'), { force: true });
};

/** Writes a file that only its owner may read. */
export const writeDemoFile = async (name: string, content: string): Promise<string> => {
  await mkdir(demoDirectory, { recursive: true, mode: 0o700 });
  await writeFile(file(name), content, { mode: 0o600 });
  return file(name);
};

export const readDemoFile = (name: string): Promise<string | undefined> =>
  readFile(file(name), 'utf8').catch(() => undefined);

export const removeDemoDirectory = (): Promise<void> => rm(demoDirectory, { recursive: true, force: true });
