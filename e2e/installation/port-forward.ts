import type { Server, Socket } from 'node:net';
import { KubeConfig, PortForward } from '@kubernetes/client-node';
import type { IPod } from 'kubernetes-models/v1';
import type { KubernetesClient } from '../../operator/runtime/kubernetes-client.ts';
import type { LiveObject } from '../../operator/runtime/kubernetes-object.ts';
import { listenOnLoopback } from './gateway-forwarder.ts';
import { resources } from './kubernetes.ts';

/** Pods that serve the same, and the port that they listen on. */
export type PodTargets = { readonly namespace: string; readonly labelSelector: string; readonly port: number };

const isReady = ({ status }: IPod): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;

/**
 * A loopback listener that leads each connection to a ready pod in turn by way of the API server, as
 * `kubectl port-forward` does: it needs no way to the nodes.
 */
export const startPortForward = (
  client: KubernetesClient,
  { kubeconfigPath, namespace, labelSelector, port: podPort }: PodTargets & { readonly kubeconfigPath: string },
  port: number,
): Promise<Server & { readonly port: number }> => {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(kubeconfigPath);
  const forward = new PortForward(kubeConfig);
  let turn = 0;

  const lead = async (socket: Socket): Promise<void> => {
    const { items } = await client.list<LiveObject & IPod>(resources.pods, { namespace, labelSelector });
    const pods = items.filter(isReady);
    turn += 1;
    const pod = pods[turn % pods.length];
    if (pod === undefined) throw new Error(`no pod with ${labelSelector} is ready`);
    const upstream = await forward.portForward(namespace, pod.metadata.name, [podPort], socket, null, socket);
    const end = (): void => {
      const webSocket = typeof upstream === 'function' ? upstream() : upstream;
      webSocket?.close();
      socket.destroy();
    };
    socket.once('close', end);
    if (typeof upstream !== 'function') upstream.onclose = end;
    socket.resume();
  };
  return listenOnLoopback(port, (socket) => {
    lead(socket).catch(() => socket.destroy());
  });
};
