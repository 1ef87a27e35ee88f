import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** A child of `make dev`. */
export type Child = {
  readonly name: string;
  /** Resolves when it has ended and its last line was read; never rejects. */
  readonly ended: Promise<{ readonly code: number | null; readonly lastLine: string }>;
  /** Asks it to end, and ends it for good when it does not. Resolves when it is gone. */
  stop(): Promise<void>;
};

export type ChildRequest = {
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Gets every line as it came, after those that are in it. */
  readonly logFile: string;
  readonly onLine: (line: string) => void;
};

const stopMilliseconds = 5_000;

// It ends with its parent, however that ends: the kernel kills it then (PR_SET_PDEATHSIG). SIGTERM would let it drain, for
// up to 35 s, with nobody left to wait for it. The shell closes the gap in which the parent dies before the kernel was told.
const bind = (command: readonly string[]): string[] => [
  '--pdeathsig',
  'KILL',
  'sh',
  '-c',
  '[ "$PPID" = "$0" ] && exec "$@"',
  String(process.pid),
  ...command,
];

/**
 * Starts a process that ends with this one. It has a process group of its own: Ctrl-C in a terminal would reach the whole
 * group, and a second signal ends a service at once.
 */
export const startChild = ({ name, command, env, logFile, onLine }: ChildRequest): Child => {
  const child = spawn('setpriv', bind(command), { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  let lastLine = '';
  const follow = (output: Readable): void => {
    createInterface({ input: output }).on('line', (line) => {
      lastLine = line;
      log.write(`${line}\n`);
      onLine(line);
    });
  };
  follow(child.stdout);
  follow(child.stderr);
  child.on('error', ({ message }) => {
    lastLine = message;
  });
  const ended = new Promise<{ code: number | null; lastLine: string }>((resolve) => {
    child.on('close', (code) => log.end(() => resolve({ code, lastLine })));
  });

  return {
    name,
    ended,
    stop: async () => {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      const patience = setTimeout(() => child.kill('SIGKILL'), stopMilliseconds);
      child.kill('SIGTERM');
      await exit;
      clearTimeout(patience);
    },
  };
};
