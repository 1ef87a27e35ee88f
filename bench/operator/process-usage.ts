import { readdir, readFile } from 'node:fs/promises';

/** What a process uses, from /proc. */
export type ProcessUsage = {
  readonly rssMib: number;
  /** The part of it that is pages of files, which the kernel may drop: the program `node` above all. */
  readonly fileMib: number;
  /** The most that `rssMib` has ever been. */
  readonly peakMib: number;
  readonly cpuSeconds: number;
};

// USER_HZ, which is 100 on every architecture that Kubernetes runs on.
const ticksPerSecond = 100;

const mebibytes = (status: string, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024;

export const readProcessUsage = async (pid: number): Promise<ProcessUsage> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The command may hold spaces: fields are counted from behind its parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    rssMib: mebibytes(status, 'VmRSS'),
    fileMib: mebibytes(status, 'RssFile'),
    peakMib: mebibytes(status, 'VmHWM'),
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
  };
};

/** The child of this process that runs `command`. */
export const findChild = async (command: string): Promise<number> => {
  for (const folder of await readdir('/proc')) {
    if (!/^\d+$/.test(folder)) continue;
    const stat = await readFile(`/proc/${folder}/stat`, 'utf8').catch(() => '');
    const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
    // The kernel keeps 15 characters of a name.
    if (Number(parent) === process.pid && stat.includes(`(${command.slice(0, 15)})`)) return Number(folder);
  }
  throw new Error(`no child of this process runs ${command}`);
};
