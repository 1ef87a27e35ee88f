import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../../services/shared/testing/condition.ts';
import { startChild } from './child.ts';
import { findFreePorts } from './ports.ts';
import { watchSources } from './sources.ts';
import { createSupervisor, type SupervisedService, type Supervisor } from './supervisor.ts';

const good = (answer: string): string => `import { createServer } from 'node:http';
createServer((request, response) => response.end('${answer}')).listen(Number(process.env.PORT), '127.0.0.1');
`;

let project: string;
let program: string;
let port: number;
let supervisor: Supervisor;
let ended: AbortController;

const service = (): SupervisedService => {
  const logFile = path.join(project, 'auth.log');
  const request = { name: 'auth', command: [process.execPath, program], logFile, onLine: () => undefined };
  return {
    name: 'auth',
    readyPort: port,
    logFile,
    start: () => startChild({ ...request, env: { ...process.env, PORT: String(port) } }),
  };
};
const answer = (): Promise<string> =>
  fetch(`http://127.0.0.1:${port}/readyz`).then(
    (response) => response.text(),
    () => 'none',
  );

beforeEach(async () => {
  project = mkdtempSync(path.join(tmpdir(), 'dev-supervisor-'));
  mkdirSync(path.join(project, 'services/auth'), { recursive: true });
  mkdirSync(path.join(project, 'examples/service'), { recursive: true });
  program = path.join(project, 'services/auth/main.ts');
  ({ port } = await findFreePorts(['port']));
  ended = new AbortController();
  supervisor = createSupervisor(ended.signal);
});
afterEach(async () => {
  ended.abort();
  await supervisor.stop();
  rmSync(project, { recursive: true, force: true });
});

it('starts a service again when its sources change, also after they were wrong', async () => {
  writeFileSync(program, good('first'));
  await supervisor.start(service());
  const complaints: string[] = [];
  const restart = () =>
    supervisor.restart('auth').catch((error: unknown) => {
      complaints.push(String(error));
    });
  watchSources(project, restart, ended.signal);
  expect(await answer()).toBe('first');

  writeFileSync(program, good('second'));
  await eventually(async () => (await answer()) === 'second');

  writeFileSync(program, 'throw new Error("no good");\n');
  await eventually(() => complaints.length === 1);
  expect(complaints[0]).toContain('auth ended by itself (exit code 1)');

  writeFileSync(program, good('third'));
  await eventually(async () => (await answer()) === 'third');
});

it('says when a service that was ready ends by itself', async () => {
  writeFileSync(program, good('ok').replace("('ok')", "(request.url === '/end' ? process.exit(3) : 'ok')"));
  await supervisor.start(service());
  await expect(fetch(`http://127.0.0.1:${port}/end`)).rejects.toThrow();
  expect(await supervisor.failed).toContain('auth ended by itself (exit code 3); its log is ');
});

it('refuses a service that cannot start, with the last line of its log', async () => {
  writeFileSync(program, 'console.error("no settings"); process.exit(4);\n');
  await expect(supervisor.start(service())).rejects.toThrow(/exit code 4[\s\S]*no settings/);
});
