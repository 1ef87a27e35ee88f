import { KubeConfig } from '@kubernetes/client-node';
import { createKubernetesClient, type KubernetesClient, type KubernetesClientOptions } from '../kubernetes-client.ts';

/** A client for the control plane of a test, through `port` when that of a proxy is given. */
export const connectClient = (
  plane: { kubeconfig: string; server: string },
  options: Partial<KubernetesClientOptions> & { port?: number } = {},
): KubernetesClient => {
  const { port, ...clientOptions } = options;
  const text =
    port === undefined ? plane.kubeconfig : plane.kubeconfig.replaceAll(plane.server, `https://127.0.0.1:${port}`);
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(text);
  return createKubernetesClient(kubeConfig, {
    fieldManager: 'runtime-test',
    userAgent: 'runtime-test',
    maxInFlight: 16,
    ...clientOptions,
  });
};
