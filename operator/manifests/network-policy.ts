import type {
  INetworkPolicy,
  INetworkPolicyEgressRule,
  INetworkPolicyIngressRule,
  INetworkPolicyPort,
} from 'kubernetes-models/networking.k8s.io/v1';
import { type Blueprint, isDatabaseManaged, type Neighbours } from './blueprint.ts';
import { ownedMetadata, selectorLabels } from './metadata.ts';
import { ports } from './ports.ts';

const tcp = (...numbers: number[]): INetworkPolicyPort[] => numbers.map((port) => ({ protocol: 'TCP', port }));
const pods = (blueprint: Blueprint, component: string) => ({
  podSelector: { matchLabels: selectorLabels(blueprint, component) },
});

/** What the operator may ask is decided by its certificate; this keeps others from asking at all. */
const operatorPods = ({ operatorNamespace }: Neighbours) => ({
  namespaceSelector:
    operatorNamespace === undefined ? {} : { matchLabels: { 'kubernetes.io/metadata.name': operatorNamespace } },
  podSelector: { matchLabels: { 'app.kubernetes.io/name': 'identity-operator' } },
});
const podsOfNamespace = { podSelector: {} };
const anyPod = { namespaceSelector: {} };
/** Of any address: a cache on the node (NodeLocal DNSCache) listens on a link-local one, and no selector finds host networks. */
const dns: INetworkPolicyEgressRule = {
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
};
/** Outside addresses but link-local ones, where clouds keep their metadata services. */
const outside = { ipBlock: { cidr: '0.0.0.0/0', except: ['169.254.0.0/16'] } };

/** Servers that a policy cannot name, here or elsewhere. */
const toOutside = (numbers: readonly number[]): INetworkPolicyEgressRule[] =>
  numbers.length === 0 ? [] : [{ to: [outside, anyPod], ports: tcp(...numbers) }];

type OtherPorts = { readonly cachePorts: readonly number[]; readonly mailPorts: readonly number[] };

/** Kubelets are let in by every network plug-in; this is for who reads metrics. */
const metricsReaders = ({ monitoringNamespaceLabels }: Neighbours): INetworkPolicyIngressRule => {
  const isAnybody = Object.keys(monitoringNamespaceLabels).length === 0;
  return {
    from: [isAnybody ? anyPod : { namespaceSelector: { matchLabels: { ...monitoringNamespaceLabels } } }],
    ports: tcp(ports.probes),
  };
};

const buildPolicy = (
  blueprint: Blueprint,
  component: string,
  ingress: INetworkPolicyIngressRule[],
  egress: INetworkPolicyEgressRule[],
) =>
  ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: ownedMetadata(blueprint, `${blueprint.name}-${component}`, component),
    spec: {
      podSelector: { matchLabels: selectorLabels(blueprint, component) },
      policyTypes: ['Ingress', 'Egress'],
      ingress,
      egress,
    },
  }) satisfies INetworkPolicy;

/**
 * One policy a component; what no rule allows is denied. Each rule is one arrow of the architecture. Databases outside
 * the cluster are reached by port, since a policy cannot name hosts.
 * @param databasePorts of the connections' URLs; beside a managed database those of the one that is still in use before it.
 * @param others ports of the URLs of the cache and the mail server; empty where there is none.
 */
export const buildNetworkPolicies = (
  blueprint: Blueprint,
  databasePorts: readonly number[],
  { cachePorts, mailPorts }: OtherPorts = { cachePorts: [], mailPorts: [] },
): INetworkPolicy[] => {
  const managed = isDatabaseManaged(blueprint.spec);
  const operator = operatorPods(blueprint.neighbours);
  const metrics = metricsReaders(blueprint.neighbours);
  const toDatabase: INetworkPolicyEgressRule[] = [
    ...(managed ? [{ to: [pods(blueprint, 'database')], ports: tcp(ports.postgres) }] : []),
    ...toOutside(databasePorts),
  ];
  const publicPort = blueprint.spec.gateway.tls === undefined ? ports.publicHttp : ports.publicHttps;
  const certificatePorts = blueprint.spec.gateway.clientCertificates === undefined ? [] : [ports.certificates];
  const policies = [
    buildPolicy(
      blueprint,
      'gateway',
      [
        { ports: tcp(publicPort, ...certificatePorts) },
        { from: [operator], ports: tcp(ports.gatewayInternal) },
        metrics,
      ],
      [
        dns,
        { to: [pods(blueprint, 'auth'), pods(blueprint, 'token-store')], ports: tcp(ports.mutualTls) },
        // Routes lead to Services of the tenant's namespace, whose pods listen on ports that only they know.
        { to: [podsOfNamespace] },
      ],
    ),
    buildPolicy(
      blueprint,
      'auth',
      [{ from: [pods(blueprint, 'gateway'), operator], ports: tcp(ports.mutualTls) }, metrics],
      [
        dns,
        { to: [pods(blueprint, 'token-store')], ports: tcp(ports.mutualTls) },
        ...toDatabase,
        ...toOutside(mailPorts),
      ],
    ),
    buildPolicy(
      blueprint,
      'token-store',
      [{ from: [pods(blueprint, 'gateway'), pods(blueprint, 'auth'), operator], ports: tcp(ports.mutualTls) }, metrics],
      [dns, ...toDatabase, ...toOutside(cachePorts)],
    ),
    buildPolicy(blueprint, 'migrate', [], [dns, ...toDatabase]),
  ];
  if (!managed) return policies;
  const readers = ['auth', 'token-store', 'migrate'].map((component) => pods(blueprint, component));
  return [...policies, buildPolicy(blueprint, 'database', [{ from: readers, ports: tcp(ports.postgres) }], [])];
};
