// node bench/operator.ts [--tenants 100,300,1000] [--crowd 300] [--window 60] [--phases converge,rest,...] [--node-flags '--cpu-prof ...']
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { bundlePrograms } from '../tools/bundle.ts';
import { createProgress } from '../tools/machine/progress.ts';
import { allPhases, measureFleet } from './operator/measure-fleet.ts';
import { type BenchResult, buildReport, formatTable, writeReport } from './report.ts';

const listOf = (text: string): string[] => text.split(',').map((word) => word.trim());

const { values } = parseArgs({
  options: {
    tenants: { type: 'string', default: '100,300,1000' },
    crowd: { type: 'string', default: '300' },
    window: { type: 'string', default: '60' },
    phases: { type: 'string', default: allPhases.join() },
    'node-flags': { type: 'string', default: '' },
  },
});
const sizes = listOf(values.tenants).map((size) => z.coerce.number().int().min(1).max(10_000).parse(size));
const windowSeconds = z.coerce.number().min(1).parse(values.window);
const crowd = z.coerce.number().int().min(1).parse(values.crowd);
const phases = new Set(z.array(z.enum(allPhases)).parse(listOf(values.phases)));
const flags = values['node-flags'].split(' ').filter((flag) => flag !== '');

const progress = createProgress();
await progress.step('bundle', bundlePrograms);
const results: BenchResult[] = [];
try {
  for (const tenants of sizes) {
    process.stdout.write(`\n${tenants} tenants\n`);
    await measureFleet({ tenants, windowSeconds, crowd, flags, phases, progress }, results);
  }
} finally {
  const report = await buildReport(results, new Date());
  process.stdout.write(`\n${report.machine}, ${report.commit}\n${formatTable(results)}\n`);
  process.stdout.write(`${await writeReport('operator', report)}\n`);
}
