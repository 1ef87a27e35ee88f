// node demo/forwarder.ts KUBECONFIG PORT: leads this machine's loopback to the gateway of the demo until it is ended.

import { observeCluster } from '../e2e/cluster/kubernetes-api.ts';
import { demo } from '../e2e/installation/demo-installation.ts';
import { findNodePort, startForwarder } from '../e2e/installation/gateway-forwarder.ts';
import { openCluster } from '../e2e/installation/kubernetes.ts';

const [, , kubeconfigPath = '', portText = '8443'] = process.argv;
const client = openCluster(kubeconfigPath);
const port = await findNodePort(client, demo.namespace, `${demo.tenant}-gateway`);
if (port === undefined) throw new Error('the gateway has no node port');
const { nodes } = await observeCluster(kubeconfigPath);
await client.close();

const server = await startForwarder({ addresses: nodes.map(({ address }) => address), port }, Number(portText));
process.once('SIGTERM', () => process.exit(0));
// The parent waits for this line, then goes.
process.stdout.write(`listening on ${server.port}\n`);
