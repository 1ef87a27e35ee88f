/** Prints one line a step, when the step has ended; the same on a terminal and in a log file. */
export interface Progress {
  /**
   * Runs one step and prints `✓ name  detail  seconds`, or `✗ name  message` when it throws (and throws on).
   * The step says what it did through `detail`.
   */
  readonly step: <T>(name: string, run: (detail: (text: string) => void) => Promise<T>) => Promise<T>;
  /** Prints a line at once, for a step that will take minutes. */
  readonly note: (text: string) => void;
}

/** What a progress needs from its surroundings. `now` is in milliseconds. */
export interface ProgressOutput {
  readonly write: (text: string) => void;
  readonly now: () => number;
}

const standardOutput: ProgressOutput = {
  write: (text) => {
    process.stdout.write(text);
  },
  now: () => performance.now(),
};

const nameWidth = 14;
const detailWidth = 56;

/** One line of progress. Steps below half a second show no time: it would only be noise. */
export const formatStep = (mark: '✓' | '✗', name: string, detail: string, milliseconds: number): string => {
  const seconds = Math.round(milliseconds / 1000);
  const took = milliseconds < 500 ? '' : seconds < 100 ? `${seconds} s` : `${Math.round(seconds / 60)} m`;
  const text = `  ${mark} ${name.padEnd(nameWidth)} ${detail.padEnd(detailWidth)} ${took.padStart(5)}`;
  return `${text.trimEnd()}\n`;
};

/** A progress that prints to standard output, or to the output given. */
export const createProgress = (output: ProgressOutput = standardOutput): Progress => ({
  note: (text) => output.write(`  … ${text}\n`),
  step: async (name, run) => {
    const started = output.now();
    let text = '';
    try {
      const result = await run((detail) => {
        text = detail;
      });
      output.write(formatStep('✓', name, text, output.now() - started));
      return result;
    } catch (error) {
      const message = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
      output.write(formatStep('✗', name, message, output.now() - started));
      throw error;
    }
  },
});

/** A progress that prints nothing, for tests and libraries. */
export const silentProgress: Progress = {
  note: () => {},
  step: async (_name, run) => run(() => {}),
};
