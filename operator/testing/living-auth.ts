import { createServer, type Server } from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IPod, ISecret } from 'kubernetes-models/v1';
import {
  type ClientRegistration,
  type ClientRegistryRevision,
  clientRegistrationSchema,
} from '../../services/shared/contracts/client-registration.ts';
import type { InternalState } from '../../services/shared/contracts/internal-state.ts';
import { labels } from '../api/group.ts';
import { objectNames } from '../manifests/object-names.ts';
import { ports } from '../manifests/ports.ts';
import { systemClock } from '../runtime/clock.ts';
import { InformerCache } from '../runtime/informer-cache.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import { runReflector } from '../runtime/reflector.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import { silentLog } from '../runtime/testing/silent-log.ts';
import { decodeEntries } from '../tenant/caches/object-projections.ts';
import { addressOfPod } from './kubelet-stand-in.ts';

type Pod = LiveObject & IPod;
type Secret = LiveObject & ISecret;

/**
 * Stands for auth of one tenant through all its life: wherever a pod of it comes up it answers, by the certificate that the
 * tenant's Secret holds at that moment. Its registry of clients outlives pods, and the tenant, as a kept database does.
 */
export type LivingAuth = {
  /** The clients that are registered, by id, as they were written last. */
  readonly clients: ReadonlyMap<string, ClientRegistration>;
  /**
   * So many of the next requests fail, as networks and databases make them: unheard, heard without an answer, and by 503, in
   * turn. With 0 it is well again.
   */
  mute(requests: number): void;
  stop(): Promise<void>;
};

/** Two pods may have one address; the later one gets it when the other has gone. */
const addressRetryMilliseconds = 200;

const createRegistry = () => {
  const clients = new Map<string, ClientRegistration>();
  let revision = 1;
  const write = (method: string, id: string, body: string): ClientRegistryRevision => {
    const before = JSON.stringify(clients.get(id));
    if (method === 'PUT') clients.set(id, clientRegistrationSchema.parse(JSON.parse(body)));
    else clients.delete(id);
    // As in auth: what changes nothing is no new revision.
    if (before !== JSON.stringify(clients.get(id))) revision += 1;
    return { revision };
  };
  return { clients, write, revision: () => revision };
};
type Registry = ReturnType<typeof createRegistry>;

const answerTo = (
  { clients: _clients, write, revision }: Registry,
  method: string,
  url: string,
  body: string,
): InternalState | ClientRegistryRevision => {
  if (method === 'GET') return { service: 'auth', version: '0.1.0', ready: true, clientRegistryRevision: revision() };
  return write(method, decodeURIComponent(url.slice(url.lastIndexOf('/') + 1)), body);
};

const tlsOf = (identity: Secret) => {
  const entries = decodeEntries(identity);
  return { cert: entries['tls.crt'], key: entries['tls.key'], ca: entries['ca.crt'] };
};

type Failure = 'unheard' | 'unanswered' | 'refused';
const failures: readonly Failure[] = ['unheard', 'unanswered', 'refused'];

const buildServer = (registry: Registry, identity: Secret, nextFailure: () => Failure | undefined): Server =>
  createServer({ ...tlsOf(identity), requestCert: true, rejectUnauthorized: true }, async (request, response) => {
    const { method = 'GET', url = '/' } = request;
    const body = await text(request);
    const failure = nextFailure();
    if (failure === 'unheard') return void response.socket?.destroy();
    if (failure === 'refused') return void response.writeHead(503).end();
    const answer = answerTo(registry, method, url, body);
    if (failure === 'unanswered') return void response.socket?.destroy();
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });

/** Starts it; pods that come later are as good as those that are there. */
export const startLivingAuth = async (
  client: KubernetesClient,
  { namespace, tenant }: { readonly namespace: string; readonly tenant: string },
): Promise<LivingAuth> => {
  const stop = new AbortController();
  const registry = createRegistry();
  const pods = new InformerCache<Pod, Pod>({ project: (pod) => pod, namespaces: [namespace] });
  const secrets = new InformerCache<Secret, Secret>({ project: (secret) => secret, namespaces: [namespace] });
  const servers = new Map<string, Server>();
  let failing = 0;
  const nextFailure = (): Failure | undefined => {
    if (failing === 0) return undefined;
    failing -= 1;
    return failures[failing % failures.length];
  };
  const identity = () => secrets.get(namespace, objectNames.identity({ name: tenant }, 'auth'));

  const listen = async (pod: Pod, server: Server): Promise<void> => {
    const isWanted = () => !stop.signal.aborted && servers.get(pod.metadata.uid) === server;
    while (isWanted()) {
      const listening = await new Promise<boolean>((resolve) => {
        server.once('error', () => resolve(false));
        server.listen(ports.mutualTls, addressOfPod(pod), () => resolve(true));
      });
      if (listening) break;
      await sleep(addressRetryMilliseconds);
    }
    if (!isWanted()) server.close();
  };
  const end = (uid: string): void => {
    const server = servers.get(uid);
    servers.delete(uid);
    server?.close();
    server?.closeAllConnections();
  };
  /** Before a pod is Ready it already answers, so that nobody finds one that is and does not. */
  const follow = (): void => {
    const current = identity();
    if (current === undefined) return;
    const there = pods.list(namespace).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    for (const pod of there) {
      const { uid } = pod.metadata;
      if (servers.has(uid)) continue;
      const server = buildServer(registry, current, nextFailure);
      servers.set(uid, server);
      void listen(pod, server);
    }
    for (const uid of [...servers.keys()]) if (there.every(({ metadata }) => metadata.uid !== uid)) end(uid);
  };
  pods.onChange(follow);
  secrets.onChange(() => {
    const current = identity();
    if (current !== undefined) for (const server of servers.values()) server.setSecureContext(tlsOf(current));
    follow();
  });

  const labelSelector = `${labels.instance}=${tenant},${labels.component}=auth`;
  const shared = { client, namespace, labelSelector, clock: systemClock, random: Math.random, log: silentLog };
  const running = Promise.all([
    runReflector<Pod>({ ...shared, resource: builtInResources.pods, store: pods, signal: stop.signal }),
    runReflector<Secret>({ ...shared, resource: builtInResources.secrets, store: secrets, signal: stop.signal }),
  ]);
  await Promise.all([pods, secrets].map((cache) => cache.waitForSync(AbortSignal.timeout(20_000))));
  return {
    clients: registry.clients,
    mute: (requests) => {
      failing = requests;
    },
    stop: async () => {
      stop.abort();
      await running;
      for (const uid of [...servers.keys()]) end(uid);
    },
  };
};
