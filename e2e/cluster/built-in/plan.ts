import { createHash } from 'node:crypto';

/** One node: its place in the network, and the names of what the host holds for it. */
export interface NodePlan {
  /** 1, 2 or 3: zone-N, node-N. */
  readonly number: number;
  readonly name: string;
  readonly zone: string;
  readonly address: string;
  readonly podCidr: string;
  /** The host's end of the node's veth pair. */
  readonly link: string;
  /** The node's cgroup, relative to each controller's root. */
  readonly cgroup: string;
}

/**
 * Every name and address of a built-in cluster. All follow from the cluster's name and its slot, so that what a
 * crashed `up` left behind can be found without a record of each step.
 */
export interface ClusterPlan {
  readonly name: string;
  readonly slot: number;
  readonly bridge: string;
  /** The host's address on the bridge: the control plane listens there and nothing outside the machine reaches it. */
  readonly hostAddress: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** The ClusterIP of the API, the first of `serviceCidr`. */
  readonly apiServiceAddress: string;
  readonly dnsAddress: string;
  readonly server: string;
  readonly nodes: readonly NodePlan[];
}

/** How many clusters fit side by side. */
export const slotCount = 64;

const nodeNumbers = [1, 2, 3];
const namePattern = /^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/;

/** Checks a cluster's name: it becomes part of file names, contexts and labels. */
export const parseClusterName = (text: string): string => {
  if (namePattern.test(text)) return text;
  throw new Error(`"${text}" is no name for a cluster: use up to 40 of a-z, 0-9 and -, starting with a letter`);
};

const digest = (name: string) => createHash('sha256').update(name).digest();

/** The slots to try for a cluster, best first: the same name asks for the same addresses every time. */
export const preferredSlots = (name: string): readonly number[] => {
  const first = digest(name).readUInt32BE(0) % slotCount;
  return Array.from({ length: slotCount }, (_, i) => (first + i) % slotCount);
};

/**
 * Lays out a cluster. Nodes and pods live in 198.18.0.0/15, which is set aside for such uses (RFC 2544) and so collides
 * with no office network, VPN or cloud subnet: 198.18.SLOT.0/24 for the nodes, a quarter of 198.19.0.0/22 and so on for
 * the pods. Services have addresses inside the nodes' network namespaces only.
 */
export const buildClusterPlan = (name: string, slot: number): ClusterPlan => {
  // A link's name has at most 15 characters.
  const prefix = `io${digest(name).toString('hex').slice(0, 6)}`;
  const hostAddress = `198.18.${slot}.1`;
  const services = `10.${96 + slot}`;
  return {
    name,
    slot,
    bridge: `${prefix}-br`,
    hostAddress,
    podCidr: `198.19.${4 * slot}.0/22`,
    serviceCidr: `${services}.0.0/16`,
    apiServiceAddress: `${services}.0.1`,
    dnsAddress: `${services}.0.10`,
    server: `https://${hostAddress}:6443`,
    nodes: nodeNumbers.map((number) => ({
      number,
      name: `node-${number}`,
      zone: `zone-${number}`,
      address: `198.18.${slot}.${10 + number}`,
      podCidr: `198.19.${4 * slot + number}.0/24`,
      link: `${prefix}-v${number}`,
      cgroup: `${prefix}-node-${number}`,
    })),
  };
};

/** The node of a zone. */
export const nodeOfZone = (plan: ClusterPlan, zone: number): NodePlan => {
  const node = plan.nodes.find(({ number }) => number === zone);
  if (node === undefined) throw new Error(`there is no zone ${zone}: use 1, 2 or 3`);
  return node;
};

/** Whether one of the machine's routes (`ip -json route`) already leads somewhere into the plan's addresses. */
export const collides = (plan: ClusterPlan, destinations: readonly string[]): boolean => {
  const own = [plan.hostAddress, ...plan.nodes.map(({ podCidr }) => podCidr)].map((address) =>
    address.slice(0, address.lastIndexOf('.') + 1),
  );
  return destinations.some((destination) => own.some((prefix) => destination.startsWith(prefix)));
};
