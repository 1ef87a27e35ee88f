import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AuthFixture, startAuthFixture } from '../auth/testing/auth-fixture.ts';
import type { RunningService } from '../shared/service-process.ts';
import { runSchemathesis } from './schemathesis.ts';

const log: string[] = [];

let fixture: AuthFixture;
let service: RunningService;
let directory: string;
let startOfLog: number;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'schemathesis-'));
  fixture = await startAuthFixture(pino({ level: 'info' }, { write: (line: string) => log.push(line) }));
  service = await fixture.start();
  startOfLog = log.length;
});
afterAll(async () => {
  await fixture?.stop();
  rmSync(directory, { recursive: true, force: true });
});

it('the admin API keeps to its document, for requests that follow it and for those that do not', async () => {
  const identity = join(dirname(fixture.store.settings().identityDirectory), 'operator');
  const port = service.ports['auth'] ?? 0;
  const { exitCode, stdout } = await runSchemathesis({ document: 'admin.openapi.yaml', port, identity, directory });
  expect(exitCode, stdout).toBe(0);
  expect(log.slice(startOfLog).filter((line) => !line.includes('"level":30'))).toEqual([]);
});
