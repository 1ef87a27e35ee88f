import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { ensurePythonEnvironment } from '../../tools/machine/python.ts';

const programs = join(import.meta.dirname, 'python');

/** The libraries of others, in Python; made once a machine. @returns the path of Python */
export const ensureRelyingParties = (): Promise<string> => ensurePythonEnvironment(join(programs, 'requirements.txt'));

/** What a program says, a line each: what a person is to do, or how it ended. */
const lineSchema = z.union([
  z.object({ ask: z.string(), values: z.record(z.string(), z.string()) }),
  z.object({ result: z.record(z.string(), z.unknown()) }),
]);

export type PythonProgram = {
  /** In `python/`. */
  name: string;
  /** It reads them from its first argument, as JSON. */
  options: Record<string, unknown>;
  /** Does what it asks a person for; the answer goes to its standard input. */
  person: (ask: string, values: Record<string, string>) => Promise<Record<string, string>>;
};

/** A program that waits for something that does not come is ended then. */
const deadlineMilliseconds = 60_000;

/**
 * Runs one of the programs to its end.
 * @returns its result
 * @throws Error with the end of what it wrote to standard error
 */
export const runPythonProgram = async ({ name, options, person }: PythonProgram): Promise<Record<string, unknown>> => {
  const child = spawn(await ensureRelyingParties(), [join(programs, name), JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // No byte code in the checkout, and nothing of the user's own Python or proxies.
    env: { PATH: process.env['PATH'], PYTHONDONTWRITEBYTECODE: '1', PYTHONNOUSERSITE: '1' },
    timeout: deadlineMilliseconds,
    killSignal: 'SIGKILL',
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4_000);
  });
  const closed = once(child, 'close');
  let result: Record<string, unknown> | undefined;
  try {
    for await (const text of createInterface({ input: child.stdout })) {
      const line = lineSchema.parse(JSON.parse(text));
      if ('result' in line) result = line.result;
      else child.stdin.write(`${JSON.stringify(await person(line.ask, line.values))}\n`);
    }
  } finally {
    child.kill('SIGKILL');
    await closed;
  }
  if (result === undefined) throw new Error(`${name} ended without a result: ${complaint}`);
  return result;
};
