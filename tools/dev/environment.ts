import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { ClientRegistration } from '../../services/shared/contracts/client-registration.ts';
import { type MigrationReport, migrationReportSchema } from '../../services/shared/contracts/migration-report.ts';
import type { Progress } from '../machine/progress.ts';
import { startApplication } from './application.ts';
import { type Child, startChild } from './child.ts';
import { connectClientRegistry, findApplicationClient, readClientsFile, watchClientsFile } from './clients.ts';
import { startDevPostgres, writeDatabaseAccess } from './database.ts';
import { formatLogLine } from './log-line.ts';
import type { DevOptions } from './options.ts';
import { findFreePorts, isPortTaken } from './ports.ts';
import { type Running, runningSchema } from './relying-party.ts';
import { ensureDevSecrets, hasDataEncryptionKeys } from './secrets.ts';
import {
  buildDevLiveSettings,
  buildDevPaths,
  buildDevSettings,
  buildExampleEnvironments,
  type DevPaths,
  type DevPlan,
  internalPortNames,
  loopback,
} from './settings.ts';

const project = path.resolve(import.meta.dirname, '../..');
const readyMilliseconds = 30_000;

/** What `startDevEnvironment` takes from outside. */
export type DevSurroundings = {
  readonly progress: Progress;
  /** Gets a line of a service's log, made fit for a person. */
  readonly print: (line: string) => void;
  /** Stops the start between two steps. */
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
  /** Gets everything that has to be ended, in the order in which it was started. */
  readonly resources: AsyncDisposableStack;
};

/** A running environment. */
export type DevEnvironment = {
  readonly running: Running;
  /** The example application's address, unless something else listens there. */
  readonly applicationUrl?: string;
  /** Resolves with one sentence when a service ended by itself. */
  readonly failed: Promise<string>;
};

/** @throws when the same state folder is in use */
const assertNotRunning = async (paths: DevPaths): Promise<void> => {
  const text = await readFile(paths.running, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const { pid } = runningSchema.parse(JSON.parse(text));
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  if (command.includes('tools/dev.ts')) {
    throw new Error(`\`make dev\` runs already, as process ${pid}: end that one (Ctrl-C), or use another --state`);
  }
};

const readVersion = async (): Promise<string> =>
  z.object({ version: z.string() }).parse(JSON.parse(await readFile(path.join(project, 'package.json'), 'utf8')))
    .version;

const writeJson = async (file: string, value: unknown): Promise<void> => {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
};

const writeSettings = async (plan: DevPlan): Promise<void> => {
  for (const [service, settings] of Object.entries(buildDevSettings(plan))) {
    await writeJson(plan.paths.settings(service), settings);
  }
  for (const [service, settings] of Object.entries(buildDevLiveSettings(plan))) {
    await writeJson(path.join(plan.paths.live(service), 'live.json'), settings);
  }
};

const describeEnd = ({ code, lastLine }: Awaited<Child['ended']>, name: string, paths: DevPaths): string =>
  `${name} ended by itself (${code === null ? 'killed' : `exit code ${code}`}); its log is ${paths.log(name)}` +
  `${lastLine === '' ? '' : `\n${formatLogLine(name, lastLine)}`}`;

const answersReady = (port: number): Promise<boolean> =>
  fetch(`http://${loopback}:${port}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );

/** Waits until the service says that it is ready. Throws when it ends, or is not ready in time. */
const waitUntilReady = async (child: Child, port: number, paths: DevPaths, signal: AbortSignal): Promise<void> => {
  const deadline = Date.now() + readyMilliseconds;
  const ended = child.ended.then((end) => describeEnd(end, child.name, paths));
  while (Date.now() < deadline) {
    if (await answersReady(port)) return;
    signal.throwIfAborted();
    const end = await Promise.race([ended, delay(50)]);
    if (end !== undefined) throw new Error(end);
  }
  throw new Error(
    `${child.name} is not ready after ${readyMilliseconds / 1_000} s; its log is ${paths.log(child.name)}`,
  );
};

const runMigrate = async (
  paths: DevPaths,
  start: (name: string, command: readonly string[]) => Child,
): Promise<Extract<MigrationReport, { outcome: 'migrated' }>> => {
  const reportFile = path.join(paths.directory, 'migration.json');
  const child = start('migrate', ['services/migrate/main.ts', paths.settings('migrate'), reportFile]);
  const end = await child.ended;
  if (end.code !== 0) throw new Error(describeEnd(end, 'migrate', paths));
  const report = migrationReportSchema.parse(JSON.parse(await readFile(reportFile, 'utf8')));
  if (report.outcome === 'failed') throw new Error(`the database could not be migrated: ${report.reason}`);
  return report;
};

/**
 * Starts PostgreSQL, the three services, A -> B -> C behind the gateway and the example application, in that order.
 * Everything that was started is in `resources`, also when this throws.
 * @throws Error whose message is one sentence for the user
 */
export const startDevEnvironment = async (
  options: DevOptions,
  { progress, print, signal, env, resources }: DevSurroundings,
): Promise<DevEnvironment> => {
  const paths = buildDevPaths(options.stateDirectory);
  const issuer = `https://localhost:${options.port}`;
  let clients: ClientRegistration[] = await readClientsFile(options.clientsFile);
  await assertNotRunning(paths);
  if (await isPortTaken(options.port)) {
    throw new Error(`port ${options.port} is in use: end what listens there, or choose another with --port`);
  }
  // 711: PostgreSQL, which does not run as root, passes through to its own folder; every secret has a mode of its own.
  await mkdir(paths.directory, { recursive: true, mode: 0o711 });
  const application = findApplicationClient(clients);
  const running: Running = { pid: process.pid, issuer, caFile: paths.ca, ...(application && { application }) };
  await writeJson(paths.running, running);
  resources.defer(() => rm(paths.running, { force: true }));

  const startNode = (name: string, command: readonly string[], childEnv = env): Child => {
    signal.throwIfAborted();
    const child = startChild({
      name,
      command: [process.execPath, ...command.map((part) => (part.endsWith('.ts') ? path.join(project, part) : part))],
      env: childEnv,
      logFile: paths.log(name),
      onLine: (line) => print(formatLogLine(name, line)),
    });
    resources.defer(() => child.stop());
    return child;
  };

  const plan: DevPlan = {
    version: await readVersion(),
    issuer,
    publicPort: options.port,
    ports: await findFreePorts(internalPortNames),
    paths,
  };
  const keepData = await hasDataEncryptionKeys(paths);
  await progress.step('secrets', async (detail) => {
    await ensureDevSecrets(paths, new Date());
    await writeSettings(plan);
    detail(`${keepData ? 'those of the last run' : 'new'}, in ${path.relative(process.cwd(), paths.directory) || '.'}`);
  });
  signal.throwIfAborted();
  await progress.step('database', async (detail) => {
    const postgres = await startDevPostgres(paths.directory, { keepData });
    resources.defer(() => postgres.stop());
    signal.throwIfAborted();
    await writeDatabaseAccess(postgres, paths);
    const { schemaVersion } = await runMigrate(paths, startNode);
    detail(`PostgreSQL on port ${postgres.port}, schema ${schemaVersion}`);
  });

  const children: Child[] = [];
  const startService = async (child: Child, readyPort: number): Promise<void> => {
    children.push(child);
    await waitUntilReady(child, readyPort, paths, signal);
  };
  await progress.step('services', async (detail) => {
    const { ports } = plan;
    const start = (name: string, probePort: number) =>
      startService(startNode(name, [`services/${name}/main.ts`, paths.settings(name)]), probePort);
    await Promise.all([
      start('token-store', ports.tokenStoreProbe),
      start('auth', ports.authProbe),
      start('gateway', ports.gatewayProbe),
    ]);
    detail(`token-store, auth, gateway at ${issuer}`);
  });
  await progress.step('services A-C', async (detail) => {
    const environments = Object.entries(buildExampleEnvironments(plan));
    await Promise.all(
      environments.map(([name, childEnv]) =>
        startService(startNode(name, ['examples/service/main.ts'], { ...env, ...childEnv }), Number(childEnv.PORT)),
      ),
    );
    detail(`${issuer}/a -> A -> B -> C`);
  });

  const registry = connectClientRegistry(paths.identity('operator'), plan.ports.auth);
  resources.defer(() => registry.close());
  await progress.step('clients', async (detail) => {
    await registry.write(clients);
    detail(
      `${clients.map(({ clientId }) => clientId).join(', ')} from ${path.relative(process.cwd(), options.clientsFile)}`,
    );
  });
  const watching = new AbortController();
  resources.defer(() => watching.abort());
  watchClientsFile(
    options.clientsFile,
    async () => {
      try {
        const changed = await readClientsFile(options.clientsFile);
        if (JSON.stringify(changed) === JSON.stringify(clients)) return;
        await registry.write(changed);
        clients = changed;
        print(`clients taken over: ${changed.map(({ clientId }) => clientId).join(', ')}`);
      } catch (error) {
        print(`clients not taken over: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
    watching.signal,
  );

  const applicationUrl =
    application && (await startExampleApplication({ ...running, ...application }, progress, resources));
  const failed = Promise.race(children.map(async (child) => describeEnd(await child.ended, child.name, paths)));
  return { running, failed, ...(applicationUrl !== undefined && { applicationUrl }) };
};

/** Its port may be a developer's own application's, which is what the port is for. */
const startExampleApplication = (
  client: Parameters<typeof startApplication>[0],
  progress: Progress,
  resources: AsyncDisposableStack,
): Promise<string | undefined> =>
  progress.step('application', async (detail) => {
    if (await isPortTaken(Number(new URL(client.redirectUri).port))) {
      detail(`not started: something listens at ${client.redirectUri}`);
      return undefined;
    }
    const application = await startApplication(client);
    resources.defer(() => application.stop());
    detail(`${application.url} signs in as client ${client.clientId}`);
    return application.url;
  });
