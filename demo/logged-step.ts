import type { Progress } from '../tools/machine/progress.ts';

/** A step that failed, in one sentence for the user; `log` is where more stands: a file, or a command that prints it. */
export class StepFailure extends Error {
  readonly log: string;
  constructor(cause: unknown, log: string) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'StepFailure';
    this.log = log;
  }
}

/** Runs a step of which is known where its log is. @throws StepFailure */
export const runLoggedStep = <T>(
  progress: Progress,
  { name, log }: { readonly name: string; readonly log: string },
  run: (detail: (text: string) => void) => Promise<T>,
): Promise<T> =>
  progress.step(name, run).catch((error: unknown) => {
    throw new StepFailure(error, log);
  });

/** What is left to say when the progress has printed the failed step with the first line of its message. */
export const describeFailure = ({ message, log }: StepFailure): string => {
  const [, ...more] = message.split('\n');
  return [...more, `More about it: ${log}`].join('\n');
};
