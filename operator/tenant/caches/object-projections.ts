import type { IReplicaSet } from 'kubernetes-models/apps/v1';
import type { IHorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import type { INode, IPod, ISecret } from 'kubernetes-models/v1';
import { fieldManagers, labels } from '../../api/group.ts';
import { tlsEntries } from '../../keys/internal-certificate.ts';
import { keepCreator } from '../../runtime/field-ownership.ts';
import type { LiveObject } from '../../runtime/kubernetes-object.ts';
import { packObject } from '../../runtime/packed-object.ts';
import { internText } from '../../runtime/packed-text.ts';
import type { ObservedNode, ObservedPod, ObservedSecret } from '../observed.ts';

/** What we create and change: whether it was only created so far stays known. */
const ofOurs = (object: LiveObject): LiveObject => keepCreator(object, fieldManagers.objects);

/** Of what controllers of Kubernetes make for us: which one it is, and whose. */
const identify = ({ metadata }: LiveObject): LiveObject['metadata'] => {
  const { name, namespace, uid, resourceVersion, labels: given, ownerReferences } = metadata;
  return {
    name,
    uid,
    resourceVersion,
    ...(namespace === undefined ? {} : { namespace }),
    ...(given === undefined ? {} : { labels: given }),
    ...(ownerReferences === undefined ? {} : { ownerReferences }),
  };
};

/** What belongs to a tenant bears the tenant's name in its own, and the tenant's UID; it repeats them all over its content. */
const repeatedIn = ({ metadata }: LiveObject): readonly string[] => [
  metadata.labels?.[labels.instance] ?? metadata.name,
  metadata.namespace ?? '',
  metadata.labels?.[labels.tenantUid] ?? metadata.uid,
];

/** An object as the caches keep it: all of it that decisions read, and packed. */
export const projectObject = (object: LiveObject): LiveObject => packObject(ofOurs(object), repeatedIn(object));

/** Conditions of an autoscaler that say, while they are False, that it does not do its work. */
const autoscalerConditions: ReadonlySet<string> = new Set(['ScalingActive', 'AbleToScale']);

/**
 * An autoscaler, and of its status the conditions that stop it. The rest it writes with every look at the load of its pods, and
 * nobody reads it.
 */
export const projectAutoscaler = (object: LiveObject): LiveObject => {
  // Kubernetes validated it as what its kind says.
  const { status, ...rest } = object as LiveObject & Pick<IHorizontalPodAutoscaler, 'status'>;
  const conditions = (status?.conditions ?? []).filter(
    (condition) => condition.status === 'False' && autoscalerConditions.has(condition.type),
  );
  return projectObject(conditions.length === 0 ? rest : ({ ...rest, status: { conditions } } as LiveObject));
};

/** Entries of a Secret as text. */
export const decodeEntries = ({ data }: Pick<ISecret, 'data'>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(data ?? {}).map(([entry, value]) => [entry, Buffer.from(value, 'base64').toString()]),
  );

/** The inverse of {@link decodeEntries}. */
export const encodeEntries = (entries: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(entries).map(([entry, value]) => [entry, Buffer.from(value).toString('base64')]));

/** A Secret of ours, whole. What it holds is like nothing else. */
export const projectSecret = (secret: LiveObject & ISecret): ObservedSecret => {
  const { apiVersion, kind, metadata } = ofOurs(secret);
  const entries = decodeEntries(secret);
  const ca = entries[tlsEntries.authority];
  return packObject({ apiVersion, kind, metadata, type: secret.type ?? 'Opaque' }, repeatedIn(secret), {
    // It stands in every identity of a tenant.
    entries: ca === undefined ? entries : { ...entries, [tlsEntries.authority]: internText(ca) },
  });
};

const millisecondsOf = (time: string | undefined): number => (time === undefined ? 0 : Date.parse(time));

/** A node as all tenants see it; what its zone is depends on the tenant. */
export type ProjectedNode = Omit<ObservedNode, 'zone'>;

/** A node writes of itself every few seconds: of all that, only what decisions need. */
export const projectNode = ({ metadata, spec, status }: LiveObject & INode): ProjectedNode => {
  const condition = status?.conditions?.find(({ type }) => type === 'Ready');
  const taints = spec?.taints ?? [];
  return {
    name: metadata.name,
    labels: metadata.labels ?? {},
    open: spec?.unschedulable !== true && taints.every(({ effect }) => effect === 'PreferNoSchedule'),
    ...(condition?.status === 'True' ? { readySince: millisecondsOf(condition.lastTransitionTime) } : {}),
  };
};

export type ProjectedPod = ObservedPod & Pick<LiveObject, 'metadata'>;

export const projectPod = (pod: LiveObject & IPod): ProjectedPod => {
  const { spec, status } = pod;
  const { metadata } = pod;
  const container = status?.containerStatuses?.[0];
  const terminationMessage = (container?.state?.terminated ?? container?.lastState?.terminated)?.message;
  const waitingReason = container?.state?.waiting?.reason;
  const condition = (type: string) => status?.conditions?.find((one) => one.type === type);
  const scheduled = condition('PodScheduled');
  return {
    metadata: identify(pod),
    name: metadata.name,
    component: metadata.labels?.[labels.component] ?? '',
    ready: condition('Ready')?.status === 'True',
    terminating: metadata.deletionTimestamp !== undefined,
    createdAt: millisecondsOf(metadata.creationTimestamp),
    ...(status?.podIP === undefined ? {} : { address: status.podIP }),
    ...(spec?.nodeName === undefined ? {} : { nodeName: spec.nodeName }),
    ...(terminationMessage === undefined ? {} : { terminationMessage }),
    ...(status?.phase === 'Succeeded' || status?.phase === 'Failed' ? { ended: true } : {}),
    ...(waitingReason === undefined || waitingReason === 'ContainerCreating' ? {} : { waitingReason }),
    ...(scheduled?.status === 'False' && scheduled.message !== undefined ? { unschedulable: scheduled.message } : {}),
  };
};

export type ProjectedReplicaSet = Pick<LiveObject, 'metadata'> & { readonly configMaps: readonly string[] };

export const projectReplicaSet = (replicaSet: LiveObject & IReplicaSet): ProjectedReplicaSet => ({
  metadata: identify(replicaSet),
  configMaps: (replicaSet.spec?.template?.spec?.volumes ?? []).flatMap(({ configMap }) =>
    configMap?.name === undefined ? [] : [configMap.name],
  ),
});

/** Which version of an object there is: all that is kept of what belongs to others. */
export type ObjectVersion = { readonly uid: string; readonly resourceVersion: string };

export const projectVersion = ({ metadata: { uid, resourceVersion } }: LiveObject): ObjectVersion => ({
  uid,
  resourceVersion,
});
