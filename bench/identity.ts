// node bench/identity.ts [--callers 1,16,64] [--seconds 5] [--warm 10] [--flows client_credentials,refresh,introspection,sign_in]
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createConcurrencyLimit } from '../services/auth/accounts/concurrency-limit.ts';
import { createPasswordHashing } from '../services/auth/accounts/password-hashing.ts';
import { bundlePrograms } from '../tools/bundle.ts';
import { flowNames } from './identity/flow.ts';
import { createFlows } from './identity/flows.ts';
import { measureFlow } from './identity/measure-flow.ts';
import { startIdentityProcesses } from './identity/processes.ts';
import { type BenchResult, buildReport, formatTable, writeReport } from './report.ts';

const { values } = parseArgs({
  options: {
    callers: { type: 'string', default: '1,16,64' },
    seconds: { type: 'string', default: '5' },
    warm: { type: 'string', default: '10' },
    flows: { type: 'string', default: flowNames.join() },
  },
});
const callers = values.callers.split(',').map((count) => z.coerce.number().int().min(1).max(256).parse(count));
const seconds = z.coerce.number().min(1).max(600).parse(values.seconds);
/** Of each flow's first load, s; later ones find its code compiled. */
const warm = z.coerce.number().min(0).max(600).parse(values.warm);
const wanted = new Set(values.flows.split(','));

const hashes = 50;

/** CPU of one hash of a password, us, at the settings of sign-in. */
const measureHash = async (): Promise<BenchResult> => {
  const hashing = await createPasswordHashing(createConcurrencyLimit({ concurrency: 1, maxWaiting: hashes }));
  const before = process.cpuUsage();
  for (let count = 0; count < hashes; count += 1) await hashing.hash('a password of some length');
  const { user, system } = process.cpuUsage(before);
  return { name: 'argon2id_us', value: (user + system) / hashes, unit: 'us', context: { callers: 1 } };
};

await bundlePrograms();
const results: BenchResult[] = [];
const processes = await startIdentityProcesses(Math.max(...callers));
try {
  const memory = await processes.memory();
  for (const [name, value] of Object.entries(memory))
    results.push({ name: `${name}_idle_mib`, value, unit: 'MiB', context: { callers: 1 } });
  results.push(await measureHash());
  const flows = await createFlows(processes);
  for (const [level, count] of callers.entries()) {
    for (const flow of flows.filter(({ name }) => wanted.has(name))) {
      const durations = { warmMilliseconds: (level === 0 ? warm : 2) * 1_000, measuredMilliseconds: seconds * 1_000 };
      results.push(...(await measureFlow(processes, flow, count, durations)));
      process.stdout.write(`${flow.name}, ${count} callers\n`);
    }
  }
} finally {
  await processes.stop();
  const report = await buildReport(results, new Date());
  process.stdout.write(`\n${report.machine}, ${report.commit}\n${formatTable(results)}\n`);
  process.stdout.write(`${await writeReport('identity', report)}\n`);
}
