// node tools/test.ts [unit|integration|browser|e2e ...]: sets the machine up, runs the suites, and closes with `N passed, N failed`.
import { spawn } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { ensureKubernetes } from '../e2e/cluster/kubernetes/build.ts';
import { ensureGitopsHealth } from '../operator/testing/gitops-verdicts.ts';
import { ensureRelyingParties } from '../services/conformance/python-program.ts';
import { ensureImages } from './image/project-images.ts';
import { ensureGo } from './machine/go.ts';
import { ensureHelm } from './machine/helm.ts';
import { ensureMachine } from './machine/machine.ts';
import { createProgress } from './machine/progress.ts';

const suites = ['unit', 'integration', 'browser', 'e2e'] as const;
type Suite = (typeof suites)[number];

const reportDirectory = 'build/test';
const reportSchema = z.object({
  success: z.boolean(),
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numFailedTestSuites: z.int(),
});
type Count = { readonly passed: number; readonly failed: number };

const run = (program: string, parameters: readonly string[]): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { stdio: 'inherit' });
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(status ?? (signal === null ? 1 : 128)));
  });

/** Runs one vitest project. A run that ends without a report, or fails without a failed test, counts as one failure. */
const runSuite = async (suite: Suite): Promise<Count> => {
  const report = `${reportDirectory}/${suite}.json`;
  await rm(report, { force: true });
  process.stdout.write(`\n${suite}\n`);
  const status = await run('vitest', [
    'run',
    '--project',
    suite,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]);
  const text = await readFile(report, 'utf8').catch(() => undefined);
  if (text === undefined) return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests, success } = reportSchema.parse(JSON.parse(text));
  const silentFailure = numFailedTests === 0 && (!success || status !== 0) ? 1 : 0;
  return { passed: numPassedTests, failed: numFailedTests + silentFailure };
};

const runLint = async (): Promise<Count> => {
  process.stdout.write('\nlint\n');
  return (await run('node', ['tools/lint.ts'])) === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
};

const named = process.argv.slice(2).map((name) => z.enum(suites).parse(name));
const chosen: readonly Suite[] = named.length === 0 ? suites : named;

const progress = createProgress();
await mkdir(reportDirectory, { recursive: true });
await ensureMachine({ for: 'test', env: process.env, progress });
await progress.step('kubernetes', async (detail) => {
  const { version, built } = await ensureKubernetes(
    () => ensureGo(process.env),
    process.env,
    () => progress.note('compiling Kubernetes: about 5 minutes on two cores, once'),
  );
  detail(`${version} ${built ? 'built' : 'from the cache'}`);
});
if (chosen.includes('integration')) {
  await progress.step('kstatus', () => ensureGitopsHealth());
  await progress.step('python', () => ensureRelyingParties());
}
await ensureHelm(process.env, () => progress.note('compiling Helm'));
if (chosen.includes('e2e')) await ensureImages(progress);

const counts: Count[] = named.length === 0 ? [await runLint()] : [];
for (const suite of chosen) counts.push(await runSuite(suite));
const total = counts.reduce((sum, { passed, failed }) => ({
  passed: sum.passed + passed,
  failed: sum.failed + failed,
}));
// The plain closing line that CI systems read.
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed === 0 ? 0 : 1;
