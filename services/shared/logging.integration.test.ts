import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';

/** Logs its last lines and ends, as a service does at the end of its drain, once its input closes. */
const program = `
import { createLogger } from ${JSON.stringify(new URL('./logging.ts', import.meta.url).href)};
const logger = createLogger('test', 'info');
logger.info('started');
process.stdin.resume().on('end', () => {
  logger.info('closing');
  logger.info('ended');
  process.exit(0);
});
`;

it('a process whose log nobody reads any more ends all the same', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    child.stdout.destroy();
    await once(child.stdout, 'close');
    child.stdin.end();
    const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(10_000) });
    expect(code).toBe(0);
  } finally {
    child.kill('SIGKILL');
  }
});
