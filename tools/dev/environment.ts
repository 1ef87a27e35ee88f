import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { startApplication } from '../../examples/application/application.ts';
import { createIssuerConnection } from '../../examples/application/issuer-connection.ts';
import { migrationReportSchema } from '../../services/shared/contracts/migration-report.ts';
import type { Progress } from '../machine/progress.ts';
import { type Child, startChild } from './child.ts';
import { connectClientRegistry, findApplicationClient, readClientsFile, watchClientsFile } from './clients.ts';
import { startDevPostgres, writeDatabaseAccess } from './database.ts';
import { displayPath } from './display-path.ts';
import { formatLogLine } from './log-line.ts';
import { startDevMail } from './mail.ts';
import type { DevOptions } from './options.ts';
import { findFreePorts, isPortTaken } from './ports.ts';
import { type Running, readRunning } from './running.ts';
import { ensureDevSecrets, hasDataEncryptionKeys } from './secrets.ts';
import {
  buildDevLiveSettings,
  buildDevPaths,
  buildDevSettings,
  buildExampleEnvironments,
  type DevPaths,
  type DevPlan,
  internalPortNames,
} from './settings.ts';
import { watchSources } from './sources.ts';
import { createSupervisor, describeEnd, type Supervisor } from './supervisor.ts';

const project = path.resolve(import.meta.dirname, '../..');

/** What `startDevEnvironment` takes from outside. */
export type DevSurroundings = {
  readonly progress: Progress;
  /** Gets a line of a service's log, made fit for a person. */
  readonly print: (line: string) => void;
  /** Stops the start between two steps; after it no process is started any more. */
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
  /** Gets everything that has to be ended, in the order in which it was started. */
  readonly resources: AsyncDisposableStack;
};

/** A running environment. */
export type DevEnvironment = {
  readonly running: Running;
  /** The example application's address, unless something else listens there. */
  readonly applicationUrl: string | undefined;
  /** Resolves with one sentence when a service ended by itself. */
  readonly failed: Promise<string>;
};

/** What the steps of the start share. */
type Stage = DevSurroundings & {
  readonly options: DevOptions;
  readonly plan: DevPlan;
  readonly supervisor: Supervisor;
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const assertNotRunning = async (paths: DevPaths): Promise<void> => {
  const running = await readRunning(paths.running);
  if (running === undefined) return;
  const { pid } = running;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  // A killed one leaves its file behind, and its pid to others.
  if (!command.includes('tools/dev.ts')) return;
  throw new Error(`\`make dev\` runs already, as process ${pid}: end that one (Ctrl-C), or use another --state`);
};

const assertPortFree = async (port: number): Promise<void> => {
  if (await isPortTaken(port)) {
    throw new Error(`port ${port} is in use: end what listens there, or choose another with --port`);
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

/** Runs one of the project's programs as it is in the sources. */
const startProgram = (
  { plan, print, signal, env }: Stage,
  name: string,
  { program, args = [], environment = {} }: { program: string; args?: string[]; environment?: Record<string, string> },
): Child => {
  signal.throwIfAborted();
  return startChild({
    name,
    command: [process.execPath, path.join(project, program), ...args],
    env: { ...env, ...environment },
    logFile: plan.paths.log(name),
    onLine: (line) => print(formatLogLine(name, line)),
  });
};

const migrate = async (stage: Stage): Promise<string> => {
  const { plan, resources } = stage;
  const reportFile = path.join(plan.paths.directory, 'migration.json');
  const args = [plan.paths.settings('migrate'), reportFile];
  const child = startProgram(stage, 'migrate', { program: 'services/migrate/main.ts', args });
  resources.defer(() => child.stop());
  const end = await child.ended;
  if (end.code !== 0) throw new Error(describeEnd('migrate', plan.paths.log('migrate'), end));
  const report = migrationReportSchema.parse(JSON.parse(await readFile(reportFile, 'utf8')));
  if (report.outcome === 'failed') throw new Error(`the database could not be migrated: ${report.reason}`);
  return report.schemaVersion;
};

const prepareState = ({ plan, progress }: Stage, hasKeys: boolean): Promise<void> =>
  progress.step('secrets', async (detail) => {
    await ensureDevSecrets(plan.paths, new Date());
    await writeSettings(plan);
    detail(`${hasKeys ? 'those of the last run' : 'new'}, in ${displayPath(plan.paths.directory)}`);
  });

const startDatabase = (stage: Stage, keepData: boolean): Promise<void> =>
  stage.progress.step('database', async (detail) => {
    const { plan, signal, resources } = stage;
    const postgres = await startDevPostgres(plan.paths.directory, { keepData });
    resources.defer(() => postgres.stop());
    signal.throwIfAborted();
    await writeDatabaseAccess(postgres, plan.paths);
    const schema = await migrate(stage);
    detail(`PostgreSQL on port ${postgres.port}, schema ${schema}`);
  });

const startMail = ({ plan: { paths }, progress, print, resources }: Stage): Promise<void> =>
  progress.step('mail', async (detail) => {
    const server = await startDevMail(paths, print);
    resources.defer(() => server.stop());
    detail(`kept in ${displayPath(paths.mail)}`);
  });

const startServices = (stage: Stage): Promise<void> =>
  stage.progress.step('services', async (detail) => {
    const { supervisor, plan } = stage;
    const { ports, paths, issuer } = plan;
    const start = (name: string, readyPort: number): Promise<void> => {
      const program = { program: `services/${name}/main.ts`, args: [paths.settings(name)] };
      return supervisor.start({
        name,
        readyPort,
        logFile: paths.log(name),
        start: () => startProgram(stage, name, program),
      });
    };
    await Promise.all([
      start('token-store', ports.tokenStoreProbe),
      start('auth', ports.authProbe),
      start('gateway', ports.gatewayProbe),
    ]);
    detail(`token-store, auth, gateway at ${issuer}`);
  });

const startExampleServices = (stage: Stage): Promise<void> =>
  stage.progress.step('services A-C', async (detail) => {
    const { supervisor, plan } = stage;
    const start = ([name, environment]: [string, Record<'PORT', string>]): Promise<void> =>
      supervisor.start({
        name,
        readyPort: Number(environment.PORT),
        logFile: plan.paths.log(name),
        start: () => startProgram(stage, name, { program: 'examples/service/main.ts', environment }),
      });
    await Promise.all(Object.entries(buildExampleEnvironments(plan)).map(start));
    detail(`${plan.issuer}/a -> A -> B -> C`);
  });

/** Writes the file's clients to auth, now and whenever the file changes. */
const followClients = (stage: Stage): Promise<void> =>
  stage.progress.step('clients', async (detail) => {
    const { plan, options, signal, resources, print } = stage;
    const registry = connectClientRegistry(plan.paths.identity('operator'), plan.ports.auth);
    resources.defer(() => registry.close());
    const takeOver = async (): Promise<string> => {
      const clients = await readClientsFile(options.clientsFile);
      await registry.write(clients);
      return clients.map(({ clientId }) => clientId).join(', ');
    };
    // Before the first read, so that no change falls between.
    watchClientsFile(
      options.clientsFile,
      () =>
        takeOver().then(
          (names) => print(`clients taken over: ${names}`),
          (error: unknown) => print(`clients not taken over: ${messageOf(error)}`),
        ),
      signal,
    );
    detail(`${await takeOver()} from ${displayPath(options.clientsFile)}`);
  });

/** Its port may be a developer's own application's, which is what the port is for. */
const startExampleApplication = (
  { progress, resources, plan: { issuer, paths } }: Stage,
  client: NonNullable<Running['application']>,
): Promise<string | undefined> =>
  progress.step('application', async (detail) => {
    if (await isPortTaken(Number(new URL(client.redirectUri).port))) {
      detail(`not started: something listens at ${client.redirectUri}`);
      return undefined;
    }
    const connection = createIssuerConnection({ ca: await readFile(paths.ca, 'utf8') });
    resources.defer(() => connection.close());
    const application = await startApplication({ issuer, ...client }, connection.fetch);
    resources.defer(() => application.stop());
    detail(`${application.url} signs in as client ${client.clientId}`);
    return application.url;
  });

const followSources = ({ supervisor, print, signal }: Stage): void => {
  const restart = async (names: readonly string[]): Promise<void> => {
    for (const name of names) {
      await supervisor.restart(name).then(
        () => print(`${name} started again: its sources changed`),
        (error: unknown) => print(`${messageOf(error)}\n${name} is started again when its sources change`),
      );
    }
  };
  watchSources(project, restart, signal);
};

/**
 * Starts PostgreSQL, the three services, A -> B -> C behind the gateway and the example application, in that order.
 * Everything that was started is in `resources`, also when this throws.
 * @throws Error whose message is one sentence for the user
 */
export const startDevEnvironment = async (
  options: DevOptions,
  surroundings: DevSurroundings,
): Promise<DevEnvironment> => {
  const { signal, resources } = surroundings;
  const paths = buildDevPaths(options.stateDirectory);
  const issuer = `https://localhost:${options.port}`;
  const application = findApplicationClient(await readClientsFile(options.clientsFile));
  await assertNotRunning(paths);
  await assertPortFree(options.port);

  // PostgreSQL, which does not run as root, passes through to its own folder; every secret has a mode of its own.
  await mkdir(paths.directory, { recursive: true, mode: 0o711 });
  const running: Running = { pid: process.pid, issuer, caFile: paths.ca, ...(application && { application }) };
  await writeJson(paths.running, running);
  resources.defer(() => rm(paths.running, { force: true }));

  const ports = await findFreePorts(internalPortNames);
  const plan: DevPlan = { version: await readVersion(), issuer, publicPort: options.port, ports, paths };
  const supervisor = createSupervisor(signal);
  const stage: Stage = { ...surroundings, options, plan, supervisor };

  const keepData = await hasDataEncryptionKeys(paths);
  await prepareState(stage, keepData);
  signal.throwIfAborted();
  await startDatabase(stage, keepData);
  await startMail(stage);
  resources.defer(() => supervisor.stop());
  await startServices(stage);
  await startExampleServices(stage);
  await followClients(stage);
  if (options.watch) followSources(stage);
  const applicationUrl = application && (await startExampleApplication(stage, application));
  return { running, applicationUrl, failed: supervisor.failed };
};
