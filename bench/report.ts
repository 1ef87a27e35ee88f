import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

/** One figure. `context` says what it was measured of, such as `{ tenants: 1000 }`. */
export type BenchResult = {
  /** The same in every report, so that reports can be compared: `converge_s`. */
  readonly name: string;
  readonly value: number;
  /** Of `value`: `s`, `ms`, `MiB`, `1` for a count or a ratio. */
  readonly unit: string;
  readonly context: Readonly<Record<string, string | number>>;
};

/** What a benchmark leaves behind. */
export type BenchReport = {
  readonly machine: string;
  /** ISO 8601. */
  readonly date: string;
  /** Abbreviated; with `+` when files differed from it. */
  readonly commit: string;
  readonly results: readonly BenchResult[];
};

const describeMachine = (): string => {
  const [first] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cpus().length} x ${first?.model.trim() ?? 'CPU'}, ${memory}, Linux ${release()}, Node ${process.versions.node}`;
};

const git = async (...words: string[]): Promise<string> => (await promisify(execFile)('git', words)).stdout.trim();

const describeCommit = async (): Promise<string> => {
  const commit = await git('rev-parse', '--short=12', 'HEAD');
  return (await git('status', '--porcelain', '--untracked-files=no')) === '' ? commit : `${commit}+`;
};

/** Results with what they were measured on and of. */
export const buildReport = async (results: readonly BenchResult[], date: Date): Promise<BenchReport> => ({
  machine: describeMachine(),
  date: date.toISOString(),
  commit: await describeCommit(),
  results,
});

/** Three significant figures, and whole numbers whole. */
export const formatValue = (value: number): string =>
  Number.isInteger(value) || Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));

const describeContext = (context: BenchResult['context']): string =>
  Object.entries(context)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');

/** Results as lines of a table, a column for each of the contexts, in the order in which names and contexts come. */
export const formatTable = (results: readonly BenchResult[]): string => {
  const contexts = [...new Set(results.map(({ context }) => describeContext(context)))];
  const rows = [...new Set(results.map(({ name }) => name))].map((name) => {
    const ofName = results.filter((result) => result.name === name);
    const cells = contexts.map((context) => {
      const result = ofName.find((one) => describeContext(one.context) === context);
      return result === undefined ? '' : formatValue(result.value);
    });
    return [name, ofName[0]?.unit ?? '', ...cells];
  });
  const table = [['', 'unit', ...contexts], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  return table
    .map((row) => {
      const cells = row.map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      );
      return `${cells.join('  ').trimEnd()}\n`;
    })
    .join('');
};

/** Writes `build/bench/NAME.json` and answers with its path. */
export const writeReport = async (name: string, report: BenchReport): Promise<string> => {
  const file = path.join('build/bench', `${name}.json`);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`);
  return file;
};
