import { connect, createServer, type Server, type Socket } from 'node:net';
import { z } from 'zod';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import { resources } from './kubernetes.ts';

/** Where connections are led: a NodePort on any node. */
export type ForwarderTargets = { readonly addresses: readonly string[]; readonly port: number };

const serviceSchema = z.looseObject({
  spec: z.looseObject({ ports: z.array(z.looseObject({ nodePort: z.int().optional() })) }),
});

/** The node port of a Service; undefined when it is not of type NodePort. */
export const findNodePort = async (
  client: KubernetesClient,
  namespace: string,
  name: string,
): Promise<number | undefined> =>
  serviceSchema.parse(await client.get({ resource: resources.services, namespace, name })).spec.ports[0]?.nodePort;

const connectTimeoutMilliseconds = 1_000;

/** Connects to the first address that accepts, beginning at `start`. */
const connectToAny = ({ addresses, port }: ForwarderTargets, start: number, tried = 0): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const host = addresses[(start + tried) % addresses.length];
    if (host === undefined || tried >= addresses.length) return reject(new Error('no node accepts'));
    const socket = connect({ host, port, timeout: connectTimeoutMilliseconds });
    const next = () => {
      socket.destroy();
      connectToAny({ addresses, port }, start, tried + 1).then(resolve, reject);
    };
    socket.once('timeout', next);
    socket.once('error', next);
    socket.once('connect', () => {
      socket.removeAllListeners('timeout').removeAllListeners('error').setTimeout(0);
      resolve(socket);
    });
  });

const lead = (client: Socket, upstream: Socket): void => {
  const end = () => {
    client.destroy();
    upstream.destroy();
  };
  client.on('error', end).on('close', end);
  upstream.on('error', end).on('close', end);
  client.pipe(upstream);
  upstream.pipe(client);
};

/** Listens on a port of loopback (0: any free one). `accept` gets each connection paused. @throws when the port is in use */
export const listenOnLoopback = (
  port: number,
  accept: (client: Socket) => void,
): Promise<Server & { readonly port: number }> => {
  const server = createServer({ pauseOnConnect: true }, (client) => {
    client.on('error', () => client.destroy());
    accept(client);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(Object.assign(server, { port: typeof address === 'object' && address !== null ? address.port : port }));
    });
  });
};

/** A loopback listener that leads each connection to a node in turn, as a load balancer before the cluster would. */
export const startForwarder = (
  targets: ForwarderTargets,
  port: number,
): Promise<Server & { readonly port: number }> => {
  let turn = 0;
  return listenOnLoopback(port, (client) => {
    turn += 1;
    connectToAny(targets, turn).then(
      (upstream) => {
        lead(client, upstream);
        client.resume();
      },
      () => client.destroy(),
    );
  });
};
