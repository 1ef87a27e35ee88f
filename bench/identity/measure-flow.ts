import { quantile } from '../operator/quantile.ts';
import type { BenchResult } from '../report.ts';
import type { Caller, Flow, Subject } from './flow.ts';

/** How long each level of load lasts, ms, after a part of it that is not counted. */
export type Durations = { readonly warmMilliseconds: number; readonly measuredMilliseconds: number };

type Load = { readonly latencies: number[]; readonly failures: string[]; readonly seconds: number };

/** Has every caller call again as soon as it has its answer. */
const runLoad = async (callers: readonly Caller[], milliseconds: number): Promise<Load> => {
  const latencies: number[] = [];
  const failures: string[] = [];
  const began = performance.now();
  const lead = async (caller: Caller): Promise<void> => {
    while (performance.now() - began < milliseconds) {
      const start = performance.now();
      try {
        await caller();
        latencies.push(performance.now() - start);
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
        // Whoever is refused is refused again: his next tries would only be counted.
        return;
      }
    }
  };
  await Promise.all(callers.map(lead));
  return { latencies, failures, seconds: (performance.now() - began) / 1_000 };
};

const microseconds = (seconds: number, calls: number): number => (seconds * 1_000_000) / calls;

/** One flow at one number of callers: throughput, CPU by process, latency. */
export const measureFlow = async (
  { usage }: Pick<Subject, 'usage'>,
  flow: Flow,
  callers: number,
  { warmMilliseconds, measuredMilliseconds }: Durations,
): Promise<BenchResult[]> => {
  const ready = await flow.prepare(callers);
  const warmed = await runLoad(ready, warmMilliseconds);
  const before = await usage();
  const load = await runLoad(ready, measuredMilliseconds);
  const after = await usage();
  const failures = [...warmed.failures, ...load.failures];
  const calls = load.latencies.length;
  const used = Object.entries(after).map(([name, seconds]) => [name, seconds - (before[name] ?? 0)] as const);
  const context = { callers };
  const result = (name: string, value: number, unit: string): BenchResult => ({
    name: `${flow.name}_${name}`,
    value,
    unit,
    context,
  });
  const [failure] = failures;
  if (failure !== undefined)
    process.stdout.write(`  ${flow.name}, ${callers} callers: ${failures.length} x ${failure}\n`);
  const all = used.reduce((sum, [, seconds]) => sum + seconds, 0);
  return [
    result('rps', calls / load.seconds, '1/s'),
    result('cpu_us', microseconds(all, calls), 'us'),
    ...used.map(([name, seconds]) => result(`cpu_${name}_us`, microseconds(seconds, calls), 'us')),
    result('p50_ms', quantile(load.latencies, 0.5), 'ms'),
    result('p99_ms', quantile(load.latencies, 0.99), 'ms'),
    result('failures', failures.length, '1'),
  ];
};
