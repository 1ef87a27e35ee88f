import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrationReportSchema } from '../shared/contracts/migration-report.ts';
import { startPostgres, type TestPostgres } from '../shared/testing/postgres.ts';

let server: TestPostgres;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'migrate-main-test-'));
  server = await startPostgres();
});
afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const file = (name: string, content: string): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};

/** Runs the Job's process against a URL; returns its exit code and termination message. */
const migrate = async (url: string) => {
  const settings = {
    tenant: 'customers',
    namespace: 'identity',
    database: { urlFile: file('url', url) },
    roles: {
      auth: { name: 'job_auth', passwordFile: file('auth', 'secret-of-auth') },
      tokenStore: { name: 'job_store', passwordFile: file('store', 'secret-of-store') },
    },
  };
  const termination = join(directory, 'termination');
  const job = spawn(
    process.execPath,
    [join(import.meta.dirname, 'main.ts'), file('settings.json', JSON.stringify(settings)), termination],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [job.stdout, job.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const [code] = await once(job, 'close');
  const report = migrationReportSchema.parse(JSON.parse(readFileSync(termination, 'utf8')));
  return { code, report, output };
};

describe('the migrate Job', () => {
  it('ends with 0 and says what it did', async () => {
    const { code, report, output } = await migrate(await server.createDatabase('job'));
    expect(code).toBe(0);
    expect(report).toMatchObject({ outcome: 'migrated' });
    expect(output).not.toContain('secret-of');
  });

  it('ends with 1 and a reason', async () => {
    const { code, report, output } = await migrate(server.url.replace(':postgres@', ':guessed@'));
    expect(code).toBe(1);
    expect(report).toEqual({ outcome: 'failed', reason: 'AuthenticationFailed', code: '28P01' });
    expect(output).not.toContain('guessed');
  });
});
