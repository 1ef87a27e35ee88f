import type { Progress } from '../../tools/machine/progress.ts';
import type { DnsRewrite } from './dns.ts';

/** How a cluster is made: by this project, by kind in Docker, or not at all because someone else's is used. */
export type DriverName = 'built-in' | 'kind' | 'existing';

/** A node of a cluster, as its clients need it. */
export interface ClusterNode {
  readonly name: string;
  /** The value of `topology.kubernetes.io/zone`; empty when the node has none. */
  readonly zone: string;
  /** The InternalIP. The host reaches NodePorts there, if the cluster runs on this machine. */
  readonly address: string;
}

/** A cluster that answers. */
export interface Cluster {
  readonly name: string;
  readonly driver: DriverName;
  readonly kubeconfigPath: string;
  readonly nodes: readonly ClusterNode[];
  /** Kubernetes' version, such as `v1.35.4`. */
  readonly version: string;
}

/** What became of a request that not every kind of cluster can fulfil. `reason` tells a person what to do. */
export type Outcome = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** How to start a cluster. */
export interface StartOptions {
  readonly name: string;
  /** docker-archive files to have in every node from the start. */
  readonly images: readonly string[];
  /** Undefined leaves those of a running cluster as they are. */
  readonly dnsRewrites: readonly DnsRewrite[] | undefined;
  readonly progress: Progress;
}

/** One way to have a cluster. All that it does may be repeated. */
export interface ClusterDriver {
  /** Returns when all nodes are Ready and pods can be made; a cluster that is up already is returned as it is. */
  readonly start: (options: StartOptions) => Promise<Cluster>;
  /** Removes everything, also of a start that was interrupted. */
  readonly stop: (name: string) => Promise<Outcome>;
  /** The cluster, or undefined when it is not up. */
  readonly find: (name: string) => Promise<Cluster | undefined>;
  readonly loadImage: (cluster: Cluster, archive: string) => Promise<Outcome>;
  /** Cuts the power of a zone, and gives it back. */
  readonly killZone: (cluster: Cluster, zone: number) => Promise<Outcome>;
  readonly startZone: (cluster: Cluster, zone: number) => Promise<Outcome>;
  /** Replaces the rewrites of the cluster's DNS; returns when they are in force. */
  readonly setDnsRewrites: (cluster: Cluster, rewrites: readonly DnsRewrite[]) => Promise<Outcome>;
}
