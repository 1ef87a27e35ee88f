import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { decodeJwt } from 'jose';
import { startCluster, stopCluster } from '../e2e/cluster/cluster.ts';
import type { Cluster } from '../e2e/cluster/driver.ts';
import { applyDemo, demo, readBinding, waitForDemo } from '../e2e/installation/demo-installation.ts';
import { createIssuerConnection } from '../e2e/installation/issuer-connection.ts';
import { openCluster } from '../e2e/installation/kubernetes.ts';
import { installOperator } from '../e2e/installation/operator-installation.ts';
import { discover, type Person, signUpAndIn } from '../e2e/installation/relying-party.ts';
import type { KubernetesClient } from '../operator/runtime/kubernetes-client.ts';
import { ensureImages } from '../tools/image/project-images.ts';
import { ensureMachine } from '../tools/machine/machine.ts';
import { createProgress } from '../tools/machine/progress.ts';
import {
  demoDirectory,
  readDemoFile,
  recordForwarder,
  removeDemoDirectory,
  stopForwarder,
  writeDemoFile,
} from './demo-state.ts';

/** The issuer's port: in pods and on this machine the same name and port lead to the gateway. */
const issuerPort = Number(new URL(demo.issuer).port);
const progress = createProgress();

/** Starts the forwarder as a process that outlives this one, and waits until it listens. */
const startForwarderProcess = async (kubeconfigPath: string): Promise<void> => {
  await stopForwarder();
  const child = spawn(process.execPath, ['demo/forwarder.ts', kubeconfigPath, String(issuerPort)], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = await new Promise<string>((resolve, reject) => {
    let errors = '';
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.once('exit', () =>
      reject(
        new Error(
          errors.includes('EADDRINUSE')
            ? `port ${issuerPort} of this machine is in use; end what listens there and run \`make demo\` again`
            : `the forwarder ended: ${errors.trim().split('\n').at(-1)}`,
        ),
      ),
    );
  });
  if (!output.startsWith('listening')) throw new Error(output);
  await recordForwarder(child.pid ?? 0);
  child.stdout.destroy();
  child.stderr.destroy();
  child.unref();
};

/** The demo's user; an earlier demo's password is kept with its database. */
const ensurePerson = async (): Promise<Person> => {
  const password = (await readDemoFile('password')) ?? randomBytes(15).toString('base64url');
  await writeDemoFile('password', password);
  return { email: `ada-${randomBytes(3).toString('hex')}@example.test`, password, name: 'Ada Lovelace' };
};

type Answer = { service: string; subject?: string; next?: Answer };
const chain = (answer: Answer): string =>
  [answer.service.toUpperCase(), ...(answer.next === undefined ? [] : [chain(answer.next)])].join(' -> ');

/** A person signs up and in, and an application calls A with the token. */
const useTenant = async (
  client: KubernetesClient,
  ca: string,
): Promise<{ person: Person; claims: object; accessClaims: object }> => {
  const connection = createIssuerConnection(ca, issuerPort);
  const application = {
    ...(await readBinding(client, 'demo-app-oidc')),
    redirectUri: 'http://127.0.0.1:8765/callback',
  };
  const person = await ensurePerson();
  const configuration = await discover(connection, application);
  const tokens = await progress.step('sign-up, in', async (detail) => {
    const answer = await signUpAndIn(connection, configuration, application, person);
    detail(`${person.email}: code + PKCE through ${demo.issuer}`);
    return answer;
  });
  await progress.step('services', async (detail) => {
    const response = await connection.fetch(`${demo.issuer}/a`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    if (response.status !== 200) throw new Error(`GET /a answered ${response.status}: ${await response.text()}`);
    // The demo's own services answer in this form.
    const answer = (await response.json()) as Answer;
    detail(`GET /a -> ${chain(answer)}, each verified subject ${answer.subject} itself`);
  });
  await connection.close();
  return { person, claims: tokens.claims() ?? {}, accessClaims: decodeJwt(tokens.access_token) };
};

const printNextSteps = (
  cluster: Cluster,
  { person, claims, accessClaims }: Awaited<ReturnType<typeof useTenant>>,
): void => {
  const relative = (name: string) => path.relative(process.cwd(), path.join(demoDirectory, name));
  process.stdout.write(`
  id_token      ${JSON.stringify(claims)}
  access_token  ${JSON.stringify(accessClaims)}

Now try:
  kubectl --kubeconfig ${relative('kubeconfig')} get idt,idc -A
  curl --cacert ${relative('ca.crt')} ${demo.issuer}/.well-known/openid-configuration
  the sign-in page: ${demo.issuer}/account (user ${person.email}, password in ${relative('password')}, CA in ${relative('ca.crt')})
${
  cluster.driver === 'built-in'
    ? '  kill a zone:       npm run cluster -- kill-zone 3    (the database is in zone-1; watch `kubectl get idt -A -w`)\n'
    : ''
}  remove everything: make demo-down
`);
};

const up = async (): Promise<void> => {
  process.stdout.write('identity-operator demo: one tenant on a three-zone cluster\n');
  await ensureMachine({ for: 'demo', env: process.env, progress });
  const images = await ensureImages(progress);
  const cluster = await startCluster({ images: images.archives, dnsRewrites: [demo.dnsRewrite], progress });
  await writeDemoFile('.keep', '');
  await copyFile(cluster.kubeconfigPath, path.join(demoDirectory, 'kubeconfig'));
  const client = openCluster(cluster.kubeconfigPath);
  await progress.step('operator', async (detail) => {
    await installOperator(client, images.references);
    detail('2 replicas, one leads');
  });
  const ca = await progress.step(`tenant ${demo.tenant}`, async (detail) => {
    const pem = await applyDemo(client, { images: images.references });
    await waitForDemo(client);
    detail('Ready: gateway 3/3, auth 3/3, token-store 3/3 in 3 zones');
    return pem;
  });
  await writeDemoFile('ca.crt', ca);
  await progress.step('entrance', async (detail) => {
    await startForwarderProcess(cluster.kubeconfigPath);
    detail(`127.0.0.1:${issuerPort} leads to the gateway`);
  });
  const used = await useTenant(client, ca);
  await client.close();
  printNextSteps(cluster, used);
};

const down = async (): Promise<void> => {
  await stopForwarder();
  await progress.step('cluster', async (detail) => {
    const outcome = await stopCluster();
    if (!outcome.ok) throw new Error(outcome.reason);
    detail('removed');
  });
  await removeDemoDirectory();
};

const [, , command] = process.argv;
try {
  if (command === 'up') await up();
  else if (command === 'down') await down();
  else throw new Error('usage: node demo/main.ts up | down');
} catch (error) {
  // A failed step has already said its one sentence; the rest is for whoever looks closer.
  if (process.env['DEBUG'] !== undefined) console.error(error);
  else console.error(`\n${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
