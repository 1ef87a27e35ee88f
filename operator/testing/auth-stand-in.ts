import { createServer, type Server, type ServerOptions } from 'node:https';
import { text } from 'node:stream/consumers';
import type { IPod, ISecret } from 'kubernetes-models/v1';
import type { ClientRegistryRevision } from '../../services/shared/contracts/client-registration.ts';
import type { InternalState } from '../../services/shared/contracts/internal-state.ts';
import { labels } from '../api/group.ts';
import { ports } from '../manifests/ports.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import { decodeEntries } from '../tenant/caches/object-projections.ts';

/** Stands for the auth pods of a tenant: real mTLS by the tenant's certificates at the addresses of its pods. */
export type AuthStandIn = {
  /** `PUT /internal/clients/app`, ...: what was asked to be written, in order. As in auth, what changes nothing is no new revision. */
  readonly writes: string[];
  /** The revision of the client registry that every pod says it serves. */
  served: number;
  stop(): Promise<void>;
};

/** A client of the registry; without a body it is taken out of it. */
type Asked = { readonly method: string; readonly url: string; readonly body: string };

const createRegistry = () => {
  const clients = new Map<string, string>();
  // Of clients that were written before.
  let revision = 1;
  return ({ url, body }: Asked): number => {
    if ((clients.get(url) ?? '') !== body) revision += 1;
    clients.set(url, body);
    return revision;
  };
};

const answerTo = (
  asked: Asked,
  state: Pick<AuthStandIn, 'writes' | 'served'>,
  write: (asked: Asked) => number,
): InternalState | ClientRegistryRevision => {
  const { method, url } = asked;
  if (method === 'GET') return { service: 'auth', version: '0.1.0', ready: true, clientRegistryRevision: state.served };
  state.writes.push(`${method} ${url}`);
  return { revision: write(asked) };
};

const listen = (
  address: string,
  tls: ServerOptions,
  answer: (asked: Asked) => InternalState | ClientRegistryRevision,
): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer(tls, async (request, response) => {
      const { method = 'GET', url = '/' } = request;
      const body = await text(request);
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer({ method, url, body })));
    });
    server.once('error', reject);
    server.listen(ports.mutualTls, address, () => resolve(server));
  });

/** Starts it at every pod that has an address by now; until told otherwise, all serve every revision. */
export const startAuthStandIn = async (
  client: KubernetesClient,
  namespace: string,
  tenant: string,
): Promise<AuthStandIn> => {
  const { secrets, pods } = builtInResources;
  const identity = { resource: secrets, namespace, name: `${tenant}-auth-identity` };
  const entries = decodeEntries((await client.get<LiveObject & ISecret>(identity)) ?? {});
  const tls = {
    cert: entries['tls.crt'],
    key: entries['tls.key'],
    ca: entries['ca.crt'],
    requestCert: true,
    rejectUnauthorized: true,
  };
  const labelSelector = `${labels.instance}=${tenant},${labels.component}=auth`;
  const { items } = await client.list<LiveObject & IPod>(pods, { namespace, labelSelector });
  const addresses = items.flatMap(({ status }) => (status?.podIP === undefined ? [] : [status.podIP]));
  const writes: string[] = [];
  const state = { writes, served: Number.MAX_SAFE_INTEGER };
  const write = createRegistry();
  const servers = await Promise.all(
    addresses.map((address) => listen(address, tls, (asked) => answerTo(asked, state, write))),
  );
  return Object.assign(state, {
    stop: async () => {
      for (const server of servers) server.closeAllConnections();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  });
};
