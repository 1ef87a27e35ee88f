import { stringify } from 'yaml';
import type { ClusterPlan, NodePlan } from './plan.ts';

/** The image of a pod's sandbox, imported into every node. */
export const pauseImage = 'localhost/pause:1';

/**
 * CNI's chain for a node. ptp gives each pod a veth and a host route, no bridge, so every packet of a pod passes the
 * node's FORWARD chain, where policies are decided. dataDir is in memory: the addresses of pods that died with the node
 * are free again.
 */
export const buildCniConfig = (node: NodePlan): string =>
  JSON.stringify({
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      {
        type: 'ptp',
        ipMasq: false,
        ipam: {
          type: 'host-local',
          dataDir: '/run/ipam',
          ranges: [[{ subnet: node.podCidr }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  });

/**
 * containerd's configuration, read by 1.6 (Debian 12) and 1.7 (Debian 13) alike. restrict_oom_score_adj: where root
 * lacks CAP_SYS_RESOURCE a sandbox may not lower its OOM score, and runc dies with "can't get final child's PID from
 * pipe: EOF". disable_apparmor: its profile would stay in the kernel after the cluster.
 */
export const buildContainerdConfig = (): string => `version = 2
root = "/run/node/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "/run/node/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/run/node/cni"
`;

/** The kubelet's configuration. */
export const buildKubeletConfig = (plan: ClusterPlan, node: NodePlan): string =>
  stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    // 1.35 refuses cgroup v1 unless told so.
    failCgroupV1: false,
    // A developer's machine may have swap.
    failSwapOn: false,
    cgroupDriver: 'cgroupfs',
    // Apart from the other nodes' pods and from the machine's own processes.
    cgroupRoot: `/${node.cgroup}`,
    containerRuntimeEndpoint: 'unix:///run/node/containerd.sock',
    clusterDNS: [plan.dnsAddress],
    clusterDomain: 'cluster.local',
    // Pods do not inherit the machine's DNS servers.
    resolvConf: '',
    authentication: {
      anonymous: { enabled: false },
      x509: { clientCAFile: '/run/node/pki/ca.crt' },
      webhook: { enabled: true },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: `/run/node/pki/${node.name}.crt`,
    tlsPrivateKeyFile: `/run/node/pki/${node.name}.key`,
    // Well below the controller manager's --node-monitor-grace-period.
    nodeStatusUpdateFrequency: '4s',
    // A changed Secret or ConfigMap is seen after 5-7 s instead of about 70 s.
    syncFrequency: '10s',
    // A full disk of the machine must not delete imported images or evict pods.
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'nodefs.available': '0%', 'nodefs.inodesFree': '0%', 'imagefs.available': '0%' },
    maxPods: 60,
  });
