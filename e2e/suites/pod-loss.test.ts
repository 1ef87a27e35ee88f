import type { IPod } from 'kubernetes-models/v1';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import type { LiveObject } from '../../operator/runtime/kubernetes-object.ts';
import { demo, waitForDemo } from '../installation/demo-installation.ts';
import type { IssuerConnection } from '../installation/issuer-connection.ts';
import { openCluster, resources, waitFor } from '../installation/kubernetes.ts';
import { type Application, discover, signUpAndIn } from '../installation/relying-party.ts';
import { newPerson, openApplication } from './application.ts';

let client: KubernetesClient;
let connection: IssuerConnection;
let application: Application;
let configuration: oidc.Configuration;

beforeAll(async () => {
  client = openCluster(inject('environment').kubeconfigPath);
  ({ application, connection } = await openApplication(client));
  configuration = await discover(connection, application);
});
afterAll(async () => {
  await connection?.close();
  await client?.close();
});

const podsOf = async (component: string) => {
  const { items } = await client.list<LiveObject & IPod>(resources.pods, {
    namespace: demo.namespace,
    labelSelector: `app.kubernetes.io/instance=${demo.tenant},app.kubernetes.io/component=${component}`,
  });
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
};

const isReady = ({ status }: IPod) =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;

/** Refreshes one after the other, each with the token of the last, until told to stop. */
const refreshOnAndOn = (first: string) => {
  let running = true;
  const outcome = { refreshes: 0, failures: [] as string[] };
  const chain = async (): Promise<void> => {
    let token = first;
    while (running) {
      try {
        token = (await oidc.refreshTokenGrant(configuration, token)).refresh_token ?? '';
        outcome.refreshes += 1;
      } catch (error) {
        outcome.failures.push(
          error instanceof Error
            ? `${error.name}: ${error.message} ${'error' in error ? error.error : ''}`
            : String(error),
        );
      }
    }
  };
  const ended = chain();
  return {
    outcome,
    stop: async () => {
      running = false;
      await ended;
      return outcome;
    },
  };
};

describe.each(['token-store', 'auth', 'gateway'])('a pod of %s that is killed at once', (component) => {
  it('leaves a client that refreshes going on', async () => {
    const tokens = await signUpAndIn(connection, configuration, application, newPerson('Ada'));
    const load = refreshOnAndOn(tokens.refresh_token ?? '');
    await waitFor('the load to begin', 10_000, async () =>
      load.outcome.refreshes > 5 ? { done: undefined } : { pending: `${load.outcome.refreshes} refreshes` },
    );
    const [victim] = await podsOf(component);
    if (victim === undefined) throw new Error('no pod');
    await client.delete(
      { resource: resources.pods, namespace: demo.namespace, name: victim.metadata.name },
      // SIGKILL, as when a process is killed by the kernel.
      { gracePeriodSeconds: 0 },
    );
    await waitFor('a new pod to be ready', 120_000, async () => {
      const ready = (await podsOf(component)).filter(isReady);
      return ready.length === 3 && ready.every(({ metadata }) => metadata.name !== victim.metadata.name)
        ? { done: undefined }
        : { pending: `${ready.length} ready` };
    });
    const before = load.outcome.refreshes;
    await waitFor('the client to go on', 30_000, async () =>
      load.outcome.refreshes > before + 5 || load.outcome.failures.length > 50
        ? { done: undefined }
        : { pending: `${load.outcome.refreshes - before} more refreshes` },
    );
    const { refreshes, failures } = await load.stop();
    // A request whose connection was cut in the middle may fail; the client's token must still be good for the next try.
    expect(refreshes, failures.join('\n')).toBeGreaterThan(before + 5);
    expect(failures.filter((failure) => failure.includes('invalid_grant'))).toEqual([]);
    await waitForDemo(client);
  });
});
