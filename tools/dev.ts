// The services as processes on this machine, without Kubernetes: `make dev`, or npm run dev -- --port 9443.
import path from 'node:path';
import { displayPath } from './dev/display-path.ts';
import { type DevEnvironment, startDevEnvironment } from './dev/environment.ts';
import { type DevOptions, parseDevOptions } from './dev/options.ts';
import { signInSomebody } from './dev/sign-in.ts';
import { ensureMachine } from './machine/machine.ts';
import { createProgress } from './machine/progress.ts';

const printNextSteps = ({ running, applicationUrl }: DevEnvironment): void => {
  const state = path.dirname(running.caFile);
  const stateArgument =
    state === path.resolve(import.meta.dirname, '../build/dev') ? '' : ` --state ${displayPath(state)}`;
  process.stdout.write(`
Now try:
${applicationUrl === undefined ? '' : `  sign in with a browser:  ${applicationUrl}  (the browser warns: its CA is ${displayPath(running.caFile)})\n`}\
  sign in without one:     npm run dev -- sign-in${stateArgument}
  discovery:               curl --cacert ${displayPath(running.caFile)} ${running.issuer}/.well-known/openid-configuration
  the logs as JSON lines:  ${displayPath(state)}/*.log
  end all of it:           Ctrl-C
\n`);
};

/** Runs until a signal or until a service ends by itself; whatever the end, nothing is left behind. */
const up = async (options: DevOptions): Promise<void> => {
  const ended = new AbortController();
  const signalled = new Promise<void>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => {
        // In a hurry: the kernel and PostgreSQL's watchdog end the rest.
        if (ended.signal.aborted) process.exit(1);
        ended.abort(new Error(`ended by ${name}`));
        resolve();
      });
    }
  });
  await using resources = new AsyncDisposableStack();
  // Also after a failure, and before all else: nothing is started again while all ends.
  using _ = { [Symbol.dispose]: () => ended.abort() };
  // The services' lines would tear the progress apart; their files have them from the beginning.
  let quiet = true;
  const print = (line: string): void => {
    if (!quiet) process.stdout.write(`${line}\n`);
  };
  const progress = createProgress();
  process.stdout.write('identity-operator dev: the services as processes of this machine\n');
  await ensureMachine({ for: 'dev', progress, env: process.env });
  const surroundings = { progress, print, signal: ended.signal, env: process.env, resources };
  const environment = await startDevEnvironment(options, surroundings).catch((error: unknown) => {
    if (ended.signal.aborted) return undefined;
    throw error;
  });
  if (environment === undefined) return;
  printNextSteps(environment);
  quiet = false;
  const failure = await Promise.race([signalled, environment.failed]);
  quiet = true;
  if (failure !== undefined) throw new Error(failure);
};

try {
  const options = parseDevOptions(process.argv.slice(2));
  if (options.command === 'up') await up(options);
  else console.log(JSON.stringify(await signInSomebody(options.stateDirectory), undefined, 2));
} catch (error) {
  if (process.env['DEBUG'] !== undefined) console.error(error);
  else console.error(`\n${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
