import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTokenStoreFixture, type TokenStoreFixture } from '../token-store/testing/token-store-fixture.ts';
import { runSchemathesis } from './schemathesis.ts';

const log: string[] = [];

let fixture: TokenStoreFixture;
let port: number;
let directory: string;
let startOfLog: number;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'schemathesis-'));
  fixture = await startTokenStoreFixture(pino({ level: 'info' }, { write: (line: string) => log.push(line) }));
  const store = await fixture.start();
  port = store.ports['token-store'] ?? 0;
  startOfLog = log.length;
});
afterAll(async () => {
  await fixture?.stop();
  rmSync(directory, { recursive: true, force: true });
});

it('the token-store keeps to its document, for requests that follow it and for those that do not', async () => {
  const identity = join(dirname(fixture.settings().identityDirectory), 'auth');
  const document = 'token-store.openapi.yaml';
  const { exitCode, stdout } = await runSchemathesis({ document, port, identity, directory });
  expect(exitCode, stdout).toBe(0);
  expect(log.slice(startOfLog).filter((line) => !line.includes('"level":30'))).toEqual([]);
});
