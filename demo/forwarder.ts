// node demo/forwarder.ts KUBECONFIG node-port|api-server: leads the issuer's port on this machine's loopback to the gateway
// of the demo, and serves the example application beside it, until it is ended.
import type { Server } from 'node:net';
import { observeCluster } from '../e2e/cluster/kubernetes-api.ts';
import { demo, readBinding } from '../e2e/installation/demo-installation.ts';
import { findNodePort, startForwarder } from '../e2e/installation/gateway-forwarder.ts';
import { openCluster } from '../e2e/installation/kubernetes.ts';
import { startPortForward } from '../e2e/installation/port-forward.ts';
import { startApplication } from '../examples/application/application.ts';
import { createIssuerConnection } from '../examples/application/issuer-connection.ts';
import type { KubernetesClient } from '../operator/runtime/kubernetes-client.ts';
import { demoApplication, issuerPort } from './demo-application.ts';
import { readDemoFile } from './demo-state.ts';
import type { ForwarderReport } from './forwarder-process.ts';

const [, , kubeconfigPath = '', by] = process.argv;

const startEntrance = async (client: KubernetesClient): Promise<Server> => {
  if (by === 'api-server') {
    const labelSelector = `app.kubernetes.io/instance=${demo.tenant},app.kubernetes.io/component=gateway`;
    // The gateway listens on its Service's port.
    const targets = { kubeconfigPath, namespace: demo.namespace, labelSelector, port: issuerPort };
    return startPortForward(client, targets, issuerPort);
  }
  const port = await findNodePort(client, demo.namespace, `${demo.tenant}-gateway`);
  if (port === undefined) throw new Error('the gateway has no node port');
  const { nodes } = await observeCluster(kubeconfigPath);
  return startForwarder({ addresses: nodes.map(({ address }) => address), port }, issuerPort);
};

const start = async (): Promise<ForwarderReport> => {
  const client = openCluster(kubeconfigPath);
  await startEntrance(client);
  const ca = await readDemoFile('ca.crt');
  if (ca === undefined) throw new Error('the demo has left no ca.crt');
  const connection = createIssuerConnection({ ca, port: issuerPort });
  const registration = { ...(await readBinding(client, demoApplication.secretName)), ...demoApplication.addresses };
  const { url } = await startApplication(registration, connection.fetch);
  return { state: 'listening', applicationUrl: url };
};

const portInUse = (error: unknown): number | undefined =>
  error instanceof Error && 'code' in error && error.code === 'EADDRINUSE' && 'port' in error
    ? Number(error.port)
    : undefined;

const explain = (error: unknown): string => {
  const port = portInUse(error);
  if (port !== undefined) {
    return `port ${port} of this machine is in use; end what listens there and run \`make demo\` again`;
  }
  return error instanceof Error ? error.message : String(error);
};

process.once('SIGTERM', () => process.exit(0));
const report = await start().catch((error: unknown): ForwarderReport => {
  console.error(error);
  return { state: 'failed', reason: explain(error) };
});
process.send?.(report, () => {
  if (report.state === 'failed') process.exit(1);
});
