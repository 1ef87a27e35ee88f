import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTokenStoreFixture, type TokenStoreFixture } from '../token-store/testing/token-store-fixture.ts';
import { ensureRelyingParties } from './python-program.ts';

const document = join(import.meta.dirname, '../../docs/reference/token-store.openapi.yaml');
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

/** Requests of each operation; the same ones each time, unless there are to be others or more. */
const wanted = process.env['BAD_INPUT_RUNS'];
const runs = wanted === undefined ? ['--max-examples', '40', '--seed', '1'] : ['--max-examples', wanted];

it('the token-store keeps to its document, for requests that follow it and for those that do not', async () => {
  const identity = join(dirname(fixture.settings().identityDirectory), 'auth');
  const { exitCode, stdout } = await execa(
    join(dirname(await ensureRelyingParties()), 'schemathesis'),
    [
      ...[
        '--config-file',
        join(import.meta.dirname, 'python/schemathesis.toml'),
        'run',
        document,
        '--url',
        `https://127.0.0.1:${port}`,
        ...runs,
      ],
      // Peers are known by their SPIFFE ids, which Python does not look at.
      ...['--tls-verify', 'false'],
      ...['--request-cert', join(identity, 'tls.crt'), '--request-cert-key', join(identity, 'tls.key')],
      ...['--request-timeout', '10', '--phases', 'coverage,fuzzing'],
      ...['--no-color', '--suppress-health-check', 'all'],
    ],
    { cwd: directory, reject: false, extendEnv: false, env: { PATH: process.env['PATH'], PYTHONNOUSERSITE: '1' } },
  );
  expect(exitCode, stdout).toBe(0);
  expect(log.slice(startOfLog).filter((line) => !line.includes('"level":30'))).toEqual([]);
});
