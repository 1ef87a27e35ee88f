import type { ServiceAccountTokens } from '../../services/auth/settings.ts';
import type { IdentityTenant } from '../api/identity-tenant.ts';
import type { OptionalKind } from '../manifests/blueprint.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';
import type { TenantHealth } from './health/tenant-health.ts';
import type { SpecReference } from './references/spec-references.ts';

/** A pod as far as decisions need it. */
export type ObservedPod = {
  readonly name: string;
  readonly component: string;
  readonly ready: boolean;
  readonly terminating: boolean;
  /** `status.podIP`; absent before the pod has an address. */
  readonly address?: string;
  readonly nodeName?: string;
  /** The zone by the pod's own label, which Kubernetes 1.35 copies from the node. */
  readonly zoneLabel?: string;
  /** When it was made, ms since 1970. */
  readonly createdAt: number;
  /** What the container wrote when it last ended; the migrate Job's report. */
  readonly terminationMessage?: string;
  /** All of it has come to an end, well or not: its last word is said. */
  readonly ended?: true;
  /** Why a container waits: `ImagePullBackOff`, `CrashLoopBackOff`. */
  readonly waitingReason?: string;
  /** Message of the scheduler when no node fits. */
  readonly unschedulable?: string;
};

export type ObservedNode = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly zone?: string;
  /** Since when it is ready, ms since 1970; absent while it is not. */
  readonly readySince?: number;
  /** Whether ordinary pods may be placed there: it is neither cordoned nor tainted. */
  readonly open: boolean;
};

/** A Secret of ours, its entries decoded. They are used to build objects and never leave by a message. */
export type ObservedSecret = LiveObject & {
  readonly type?: string;
  readonly entries: Readonly<Record<string, string>>;
};

/** What the user's object holds, decoded; empty for kinds that have no entries. Never leaves by a message either. */
export type ReferencedObject = {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly entries: Readonly<Record<string, string>>;
};

/** An object that the spec names; `found` is absent when it is not there. */
export type ObservedReference = SpecReference & { readonly found?: ReferencedObject };

/** Everything that the decisions about one tenant need, read before the first of them is taken. */
export type Observed = {
  readonly tenant: IdentityTenant;
  /** Objects with this tenant's labels, of every kind that a tenant owns; Secrets apart. */
  readonly objects: readonly LiveObject[];
  /** Secrets with this tenant's labels, by name. */
  readonly secrets: ReadonlyMap<string, ObservedSecret>;
  readonly references: readonly ObservedReference[];
  readonly pods: readonly ObservedPod[];
  /** ConfigMaps that a ReplicaSet still names: a pod of it may start again at any time. */
  readonly settingsInUse: ReadonlySet<string>;
  /** Undefined when the operator may not read nodes, with rights in some namespaces only. */
  readonly nodes: readonly ObservedNode[] | undefined;
  /** Kinds of other projects that the API server serves now; only objects of these can be applied. */
  readonly served: ReadonlySet<OptionalKind>;
  /** What tokens of the cluster's service accounts are known by; absent where that cannot be read. */
  readonly serviceAccountTokens?: ServiceAccountTokens;
  /** What the pods say; absent before any has been asked. */
  readonly health?: TenantHealth;
  /** Whether the managed database's volume claim is there: data that needs its keys. */
  readonly databaseVolumeExists: boolean;
  /** `namespace/name` of an elder tenant with the same issuer. */
  readonly issuerHolder?: string;
  /** An object of a wanted name that is not ours, found when it was to be written: `Service "acme-auth"`. */
  readonly taken?: string;
  /** An object of a wanted name that an earlier tenant of this name owned, and that garbage collection will take. */
  readonly leaving?: string;
  /** An object of ours that is on its way out, to be made again: `StatefulSet "acme-database"`. */
  readonly replacing?: string;
  /** What the API server said when the claim of the database's volume asked for more. */
  readonly volumeRefused?: string;
  /** What the API server said when it refused an object of ours as invalid or forbidden; without values of Secrets. */
  readonly refused?: string;
};

/** The observed object of a kind and name. */
export const findObject = (
  { objects }: Pick<Observed, 'objects'>,
  kind: string,
  name: string,
): LiveObject | undefined => objects.find((object) => object.kind === kind && object.metadata.name === name);
