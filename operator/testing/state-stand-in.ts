import { createServer, type Server } from 'node:https';
import type { IPod, ISecret } from 'kubernetes-models/v1';
import type { InternalState } from '../../services/shared/contracts/internal-state.ts';
import { labels } from '../api/group.ts';
import { ports } from '../manifests/ports.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import { decodeEntries } from '../tenant/caches/object-projections.ts';

/** Stands for the pods of one service of a tenant: real mTLS at their addresses, and one word about what they reach. */
export type StateStandIn = {
  /** What every pod says from now on. */
  says: Pick<InternalState, 'database' | 'cache'>;
  /** How often they were asked. */
  requests: number;
  stop(): Promise<void>;
};

const listen = (server: Server, address: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(ports.mutualTls, address, resolve);
  });

/** Starts it at every pod that has an address by now. */
export const startStateStandIn = async (
  client: KubernetesClient,
  { namespace, tenant }: { readonly namespace: string; readonly tenant: string },
  service: 'auth' | 'token-store',
  says: StateStandIn['says'],
): Promise<StateStandIn> => {
  const { secrets, pods } = builtInResources;
  const identity = { resource: secrets, namespace, name: `${tenant}-${service}-identity` };
  const entries = decodeEntries((await client.get<LiveObject & ISecret>(identity)) ?? {});
  const [cert, key, ca] = ['tls.crt', 'tls.key', 'ca.crt'].map((entry) => entries[entry]);
  const labelSelector = `${labels.instance}=${tenant},${labels.component}=${service}`;
  const { items } = await client.list<LiveObject & IPod>(pods, { namespace, labelSelector });
  const standIn = { says, requests: 0 };
  const servers = await Promise.all(
    items.flatMap(({ status }) => {
      if (status?.podIP === undefined) return [];
      const server = createServer(
        { cert, key, ca, requestCert: true, rejectUnauthorized: true },
        (_request, response) => {
          standIn.requests += 1;
          const state: InternalState = { service, version: '0.1.0', ready: true, ...standIn.says };
          response.setHeader('content-type', 'application/json').end(JSON.stringify(state));
        },
      );
      return [listen(server, status.podIP).then(() => server)];
    }),
  );
  return Object.assign(standIn, {
    stop: async () => {
      for (const server of servers) server.closeAllConnections();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  });
};
