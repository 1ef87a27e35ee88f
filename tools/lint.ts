import { spawn } from 'node:child_process';
import { ensureHelm } from './machine/helm.ts';
import { createProgress } from './machine/progress.ts';

const progress = createProgress();
const helm = await ensureHelm(process.env, () => progress.note('compiling Helm: about a minute on two cores, once'));

/** Each check prints nothing when all is well; what it prints otherwise says what to do. */
const checks: readonly { name: string; command: readonly string[] }[] = [
  { name: 'types', command: ['tsc', '-p', '.'] },
  { name: 'style, imports', command: ['biome', 'check', '--error-on-warnings', '.'] },
  { name: 'dead exports', command: ['knip', '--no-progress'] },
  { name: 'generated', command: ['node', 'tools/generate.ts', '--check'] },
  { name: 'chart', command: [helm, 'lint', '--strict', 'charts/identity-operator'] },
];

const run = ([program = '', ...parameters]: readonly string[]): Promise<{ status: number | null; output: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output }));
  });

for (const { name, command } of checks) {
  await progress
    .step(name, async () => {
      const { status, output } = await run(command);
      if (status === 0) return;
      process.stdout.write(output);
      throw new Error(`${command.join(' ')} found something`);
    })
    .catch(() => {
      process.exitCode = 1;
    });
}
