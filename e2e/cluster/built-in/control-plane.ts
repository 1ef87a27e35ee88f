import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { createServer } from 'node:net';
import path from 'node:path';
import { waitUntil } from '../wait.ts';

/** Where a control plane's parts listen and keep what they need. */
export interface ControlPlane {
  readonly name: string;
  /** The folder of the components' binaries. */
  readonly binaries: string;
  /** The folder written by `writePki`. */
  readonly pki: string;
  /** etcd's data. */
  readonly data: string;
  /** etcd's ports on the loopback address. */
  readonly etcdPort: number;
  readonly etcdPeerPort: number;
  readonly address: string;
  readonly apiPort: number;
  readonly controllerManagerPort: number;
  readonly serviceCidr: string;
}

type Command = readonly string[];

/** The command line of etcd. */
export const etcdCommand = (plane: ControlPlane): Command => {
  const client = `http://127.0.0.1:${plane.etcdPort}`;
  const peer = `http://127.0.0.1:${plane.etcdPeerPort}`;
  return [
    path.join(plane.binaries, 'etcd'),
    `--name=${plane.name}`,
    `--data-dir=${plane.data}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=${plane.name}=${peer}`,
    // A local cluster's data may be lost; fsync on a busy machine delays every write.
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
};

/** The command line of kube-apiserver. */
export const apiServerCommand = (plane: ControlPlane, more: readonly string[]): Command => {
  const file = (name: string) => path.join(plane.pki, name);
  return [
    path.join(plane.binaries, 'kube-apiserver'),
    `--etcd-servers=http://127.0.0.1:${plane.etcdPort}`,
    `--bind-address=${plane.address}`,
    `--secure-port=${plane.apiPort}`,
    `--advertise-address=${plane.address}`,
    `--service-cluster-ip-range=${plane.serviceCidr}`,
    `--client-ca-file=${file('ca.crt')}`,
    `--tls-cert-file=${file('apiserver.crt')}`,
    `--tls-private-key-file=${file('apiserver.key')}`,
    `--service-account-key-file=${file('sa.pub')}`,
    `--service-account-signing-key-file=${file('sa.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    ...more,
  ];
};

/** What kube-apiserver needs beyond the above when the cluster has nodes and an aggregated API. */
export const apiServerNodeFlags = (pki: string): readonly string[] => {
  const file = (name: string) => path.join(pki, name);
  return [
    // The nodes' names resolve nowhere.
    '--kubelet-preferred-address-types=InternalIP',
    `--kubelet-certificate-authority=${file('ca.crt')}`,
    `--kubelet-client-certificate=${file('apiserver-kubelet-client.crt')}`,
    `--kubelet-client-key=${file('apiserver-kubelet-client.key')}`,
    // How metrics-server knows that a request comes from the apiserver, and for whom.
    `--requestheader-client-ca-file=${file('front-proxy-ca.crt')}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${file('front-proxy.crt')}`,
    `--proxy-client-key-file=${file('front-proxy.key')}`,
    // Straight to the pod of an aggregated API: the host has no kube-proxy, so a ClusterIP leads nowhere.
    '--enable-aggregator-routing=true',
    '--allow-privileged=true',
  ];
};

/** The command line of kube-controller-manager. Start it only when the API is ready: it ends at the first refusal. */
export const controllerManagerCommand = (plane: ControlPlane, more: readonly string[]): Command => {
  const file = (name: string) => path.join(plane.pki, name);
  const kubeconfig = file('controller-manager.conf');
  return [
    path.join(plane.binaries, 'kube-controller-manager'),
    `--bind-address=${plane.address}`,
    `--secure-port=${plane.controllerManagerPort}`,
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    `--service-account-private-key-file=${file('sa.key')}`,
    `--root-ca-file=${file('ca.crt')}`,
    `--cluster-signing-cert-file=${file('ca.crt')}`,
    `--cluster-signing-key-file=${file('ca.key')}`,
    '--use-service-account-credentials',
    // One instance: waiting for a lease would only delay the start.
    '--leader-elect=false',
    ...more,
  ];
};

/** What makes a cluster of three nodes react in the time of a demo: stock values in the comments. */
export const controllerManagerNodeFlags: readonly string[] = [
  '--allocate-node-cidrs=false',
  '--node-monitor-grace-period=16s', // 50 s
  '--node-monitor-period=2s', // 5 s
  '--horizontal-pod-autoscaler-sync-period=5s', // 15 s
  '--horizontal-pod-autoscaler-cpu-initialization-period=20s', // 5 min
  '--horizontal-pod-autoscaler-initial-readiness-delay=5s', // 30 s
];

/** The command line of kube-scheduler. */
export const schedulerCommand = (plane: ControlPlane): Command => {
  const kubeconfig = path.join(plane.pki, 'scheduler.conf');
  return [
    path.join(plane.binaries, 'kube-scheduler'),
    `--bind-address=${plane.address}`,
    '--secure-port=10259',
    '--leader-elect=false',
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
  ];
};

/** Free TCP ports of the loopback address. All are held open together, so that no number is given twice. */
export const findFreePorts = async (count: number): Promise<readonly number[]> => {
  const servers = Array.from({ length: count }, () => createServer());
  try {
    return await Promise.all(
      servers.map(async (server) => {
        await new Promise<void>((resolve, reject) => {
          server.once('error', reject).listen(0, '127.0.0.1', resolve);
        });
        const address = server.address();
        if (address === null || typeof address === 'string') throw new Error('a TCP server has an address and a port');
        return address.port;
      }),
    );
  } finally {
    for (const server of servers) server.close();
  }
};

const isReady = (server: string, ca: string): Promise<boolean> =>
  new Promise((resolve) => {
    request(`${server}/readyz`, { ca, timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    })
      .on('timeout', function (this: { destroy: () => void }) {
        this.destroy();
      })
      .on('error', () => resolve(false))
      .end();
  });

/**
 * Waits until the API answers 200 at /readyz, for a minute.
 *
 * @param alive asked on the way; throws when waiting has become useless, with the reason
 */
export const waitForApi = async (plane: ControlPlane, alive: () => void): Promise<void> => {
  const ca = await readFile(path.join(plane.pki, 'ca.crt'), 'utf8');
  let ended: unknown;
  await waitUntil('the API', 60_000, async () => {
    try {
      alive();
    } catch (error) {
      ended = error;
      return true;
    }
    return isReady(`https://${plane.address}:${plane.apiPort}`, ca);
  });
  if (ended !== undefined) throw ended;
};
