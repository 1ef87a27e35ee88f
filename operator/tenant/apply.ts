import type { ISecret } from 'kubernetes-models/v1';
import { annotations, fieldManagers, labels, managedByValue, tenantFinalizer } from '../api/group.ts';
import { generateEntries } from '../keys/generated-secret.ts';
import type { Blueprint } from '../manifests/blueprint.ts';
import type { TenantObject } from '../manifests/tenant-objects.ts';
import { findApplyReason, withDesiredHash } from '../runtime/desired-state.ts';
import { isHeldByCreator, planOwnership } from '../runtime/field-ownership.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import { hasReason, type KubernetesError } from '../runtime/kubernetes-error.ts';
import type { KubernetesObject, LiveObject } from '../runtime/kubernetes-object.ts';
import { builtInResources } from '../runtime/resource-kind.ts';
import type { FieldMutations } from './caches/field-mutations.ts';
import { decodeEntries, encodeEntries } from './caches/object-projections.ts';
import { customResources } from './custom-resources.ts';
import type { DatabaseMemory } from './database/database-memory.ts';
import { writeFinalizers } from './finalizers.ts';
import { planReplacement } from './immutable-conflict.ts';
import type { Observed, ObservedSecret } from './observed.ts';
import type { Plan } from './plan.ts';
import { planSecretRepair } from './secrets/metadata-repair.ts';
import { buildSecretMetadata, isOwnSecret, type PlannedSecret } from './secrets/secret-plan.ts';
import { withInitialReplicas } from './workloads/replica-plan.ts';

type Writes = { readonly client: KubernetesClient; readonly now: () => Date; readonly signal: AbortSignal };
type ObjectWrites = Writes & {
  readonly mutations: FieldMutations;
  /** Told when admission changed fields of an object of ours, once for each content. */
  readonly onMutated: (object: string, fields: readonly string[]) => void;
  /** Told when an object of ours was deleted to be made again, with the API server's word why. */
  readonly onReplaced: (object: string, why: string) => void;
};

/**
 * Empty when everything went through. `taken`: an object of a wanted name is somebody else's; `leaving`: it is of an
 * earlier tenant; `replacing`: it goes, to be made again; `refused`, `volumeRefused`: the API server's words about one that
 * it does not accept. Nothing after it was written.
 */
export type ApplyOutcome = Pick<Observed, 'taken' | 'leaving' | 'replacing' | 'volumeRefused' | 'refused'>;

const wentThrough = (outcome: ApplyOutcome): boolean => Object.keys(outcome).length === 0;

const describe = (object: KubernetesObject): string => `${object.kind} "${object.metadata?.name}"`;

/** Garbage collection has not come to it yet; soon it will be gone. */
const isLeftOver = (object: LiveObject, { name, uid }: Blueprint): boolean =>
  object.metadata.ownerReferences?.some(
    (owner) => owner.kind === 'IdentityTenant' && owner.name === name && owner.uid !== uid,
  ) ?? false;

const repairMetadata = async (
  { namespace }: Blueprint,
  { resource, name, metadata }: Plan['repair'][number],
  { client, signal }: Writes,
): Promise<void> => {
  await client.patchMerge({ resource, namespace, name }, { metadata }, { signal });
};

const applySecret = async (
  blueprint: Blueprint,
  planned: PlannedSecret,
  { client, now, signal }: Writes,
): Promise<ApplyOutcome> => {
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: buildSecretMetadata(blueprint, planned),
    type: planned.type,
    stringData: await generateEntries(planned.content, now()),
  } satisfies ISecret;
  if (planned.write === 'renew') {
    await client.applyServerSide(secret, { signal });
    return {};
  }
  try {
    await client.create(secret, { signal });
    return {};
  } catch (error) {
    // The cache may lag behind our own write of a moment ago, and a Secret that is there is never written over.
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
  const present = await client.get<LiveObject & ISecret>(
    { resource: client.resourceOf(secret), ...secret.metadata },
    { signal },
  );
  // Gone between two requests, or soon: another pass makes it.
  if (present === undefined || isLeftOver(present, blueprint)) return { leaving: describe(secret) };
  const observed: ObservedSecret = { ...present, entries: decodeEntries(present) };
  if (!isOwnSecret(blueprint, observed, planned.retained)) return { taken: describe(secret) };
  // It is not in the cache of what is ours: the cache lags, or somebody took its labels away.
  const repair = planSecretRepair(blueprint, planned, observed);
  if (repair !== undefined) await repairMetadata(blueprint, repair, { client, now, signal });
  return {};
};

const remember = async (
  { namespace }: Blueprint,
  { secretName, entries, annotations: words }: DatabaseMemory,
  { client, signal }: Writes,
): Promise<void> => {
  const reference = { resource: builtInResources.secrets, namespace, name: secretName };
  await client.patchMerge(reference, { metadata: { annotations: words }, data: encodeEntries(entries) }, { signal });
};

/** What the API server will not accept as it is. In a namespace that is going nothing is: that says nothing of the object. */
const isRefusal = (error: unknown): error is KubernetesError =>
  hasReason(error, 'Invalid') || (hasReason(error, 'Forbidden') && !error.message.includes('being terminated'));

/**
 * Asks for a larger volume. Whether its StorageClass can do that, admission knows, and we cannot: StorageClasses belong to
 * the cluster.
 */
const growVolume = async (
  { namespace }: Blueprint,
  { name, storage }: Plan['grow'][number],
  { client, signal }: Writes,
): Promise<ApplyOutcome> => {
  const reference = { resource: builtInResources.persistentVolumeClaims, namespace, name };
  try {
    await client.patchMerge(reference, { spec: { resources: { requests: { storage } } } }, { signal });
    return {};
  } catch (error) {
    if (isRefusal(error)) return { volumeRefused: error.message };
    throw error;
  }
};

/**
 * By its owner; or, where nobody owns it, by labels that only we give, with the name of this tenant: somebody took the owner
 * away, or deleted an earlier tenant of this name and kept what it ran (`--cascade=orphan`), to be taken up again.
 */
const isOwned = ({ metadata }: LiveObject, { name, uid }: Pick<Blueprint, 'name' | 'uid'>): boolean => {
  const { ownerReferences: owners = [], labels: given = {} } = metadata;
  if (owners.some((owner) => owner.uid === uid)) return true;
  const isLabelled =
    given[labels.managedBy] === managedByValue && given[labels.instance] === name && labels.tenantUid in given;
  return isLabelled && !owners.some(({ controller }) => controller === true);
};

/** Deletes an object of ours that cannot become what is desired. @returns whether its name is free now. */
const removeForReplacement = async (
  { kind, apiVersion, metadata: { namespace, name, uid } }: LiveObject,
  propagationPolicy: 'Orphan' | 'Background',
  { client, signal }: Writes,
): Promise<boolean> => {
  const reference = { resource: client.resourceOf({ apiVersion, kind }), namespace, name };
  await client.delete(reference, { propagationPolicy, preconditions: { uid }, signal });
  // Orphaning takes a moment: garbage collection lets the pods go first.
  return (await client.get(reference, { signal })) === undefined;
};

const learn = (desired: TenantObject, answer: LiveObject, { mutations, onMutated }: ObjectWrites): void => {
  const mutated = mutations.learn(desired, answer);
  if (mutated !== undefined) onMutated(describe(desired), mutated);
};

/**
 * Makes an object that is not in the cache of what is ours, without asking first: whatever has its name, which may be a
 * stranger's, is left as it is. A create costs the API server far less than an apply (docs/adr/0025).
 * @returns whether it was made.
 */
const createObject = async (desired: TenantObject, blueprint: Blueprint, writes: ObjectWrites): Promise<boolean> => {
  const hashed = withDesiredHash(desired, annotations.desiredHash);
  try {
    const answer = await writes.client.create(withInitialReplicas(blueprint, hashed), { signal: writes.signal });
    learn(desired, answer, writes);
    return true;
  } catch (error) {
    if (hasReason(error, 'AlreadyExists')) return false;
    throw error;
  }
};

/** The field of a Deployment that a field manager of its own applies. */
const replicasField = { path: ['f:spec', 'f:replicas'], manager: fieldManagers.replicas };

/** Makes the fields of an object that was only created those of our applies, so that what they leave out goes. */
const takeOwnership = async ({ apiVersion, kind, metadata }: LiveObject, { client, signal }: Writes): Promise<void> => {
  const { namespace, name } = metadata;
  const reference = { resource: client.resourceOf({ apiVersion, kind }), namespace, name };
  // Caches hold no field sets.
  const live = await client.get(reference, { signal });
  if (live === undefined) return;
  const managedFields = planOwnership(live, fieldManagers.objects, kind === 'Deployment' ? [replicasField] : []);
  if (managedFields === undefined) return;
  const { resourceVersion } = live.metadata;
  await client.patchMerge(reference, { metadata: { resourceVersion, managedFields } }, { signal });
};

/** Changes or repairs an object of ours. */
const writeObject = async (desired: TenantObject, found: LiveObject, writes: ObjectWrites): Promise<void> => {
  if (isHeldByCreator(found, fieldManagers.objects)) await takeOwnership(found, writes);
  const hashed = withDesiredHash(desired, annotations.desiredHash);
  // With its UID: one that went meanwhile would be made by an apply, and a Deployment with one pod.
  const exactly = { ...hashed, metadata: { ...hashed.metadata, uid: found.metadata.uid } };
  learn(desired, await writes.client.applyServerSide(exactly, { signal: writes.signal }), writes);
};

/** Makes an object anew whose change the API server refused, where that helps. */
const replaceObject = async (
  desired: TenantObject,
  found: LiveObject,
  refusal: KubernetesError,
  blueprint: Blueprint,
  writes: ObjectWrites,
): Promise<ApplyOutcome> => {
  const propagationPolicy = planReplacement(desired.kind, refusal);
  if (propagationPolicy === undefined) return { refused: refusal.message };
  const isFree = await removeForReplacement(found, propagationPolicy, writes);
  writes.onReplaced(describe(desired), refusal.message);
  const isMade = isFree && (await createObject(desired, blueprint, writes));
  return isMade ? {} : { replacing: describe(desired) };
};

const applyObject = async (
  desired: TenantObject,
  live: LiveObject | undefined,
  blueprint: Blueprint,
  writes: ObjectWrites,
): Promise<ApplyOutcome> => {
  const { client, signal, mutations } = writes;
  try {
    if (live === undefined && (await createObject(desired, blueprint, writes))) return {};
  } catch (error) {
    if (isRefusal(error)) return { refused: error.message };
    throw error;
  }
  const found =
    live ??
    (await client.get(
      { resource: client.resourceOf(desired), namespace: blueprint.namespace, name: desired.metadata?.name ?? '' },
      { signal },
    ));
  // It went between two requests: the next pass makes it.
  if (found === undefined) return { replacing: describe(desired) };
  if (isLeftOver(found, blueprint)) return { leaving: describe(desired) };
  if (!isOwned(found, blueprint)) return { taken: describe(desired) };
  if (findApplyReason(desired, found, annotations.desiredHash, mutations.fieldsOf(desired)) === undefined) return {};
  // What is written to an object that goes is lost with it.
  if (found.metadata.deletionTimestamp !== undefined) return { replacing: describe(desired) };
  try {
    await writeObject(desired, found, writes);
    return {};
  } catch (error) {
    // To try again would be of no use, and to fail would leave the tenant without a word.
    if (isRefusal(error)) return await replaceObject(desired, found, error, blueprint, writes);
    throw error;
  }
};

const applyReplicas = async (
  blueprint: Blueprint,
  { deployment, uid, replicas }: Plan['replicas'][number],
  { client, signal }: Writes,
) => {
  await client.applyServerSide(
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: deployment, namespace: blueprint.namespace, uid },
      spec: { replicas },
    },
    { fieldManager: fieldManagers.replicas, signal },
  );
};

/** Sets or takes away the finalizer, in exactly the version of the tenant that was observed. */
export const applyFinalizer = async (
  { tenant }: Observed,
  finalizer: Plan['finalizer'],
  { client, signal }: Writes,
): Promise<void> => {
  if (finalizer === 'keep') return;
  const others = tenant.metadata.finalizers.filter((one) => one !== tenantFinalizer);
  const finalizers = finalizer === 'add' ? [...others, tenantFinalizer] : others;
  await writeFinalizers(client, customResources.identityTenants, tenant.metadata, finalizers, signal);
};

const remove = async (object: LiveObject, { client, signal }: Writes): Promise<void> => {
  const { namespace, name, uid } = object.metadata;
  try {
    await client.delete(
      { resource: client.resourceOf(object), namespace, name },
      { propagationPolicy: 'Background', preconditions: { uid }, signal },
    );
  } catch (error) {
    // Somebody made it anew meanwhile: the next pass decides about that one.
    if (!hasReason(error, 'Conflict')) throw error;
  }
};

/** As the API server has it, so that it can be compared with a desired one. */
const asStored = ({
  apiVersion,
  kind,
  metadata,
  type,
  entries,
}: ObservedSecret): LiveObject & Pick<ISecret, 'data'> => ({
  apiVersion,
  kind,
  metadata,
  ...(type === undefined ? {} : { type }),
  data: encodeEntries(entries),
});

/** Carries a plan out, in its order. Idempotent: what is as desired is not written. */
export const applyPlan = async (
  plan: Plan,
  observed: Pick<Observed, 'objects' | 'secrets'>,
  writes: ObjectWrites,
): Promise<ApplyOutcome> => {
  const { blueprint } = plan;
  for (const planned of plan.secrets) {
    const outcome = await applySecret(blueprint, planned, writes);
    if (!wentThrough(outcome)) return outcome;
  }
  for (const repair of plan.repair) await repairMetadata(blueprint, repair, writes);
  for (const growth of plan.grow) {
    const outcome = await growVolume(blueprint, growth, writes);
    if (!wentThrough(outcome)) return outcome;
  }
  if (plan.remember !== undefined) await remember(blueprint, plan.remember, writes);
  const objects = new Map(observed.objects.map((object) => [describe(object), object]));
  const findLive = (desired: TenantObject): LiveObject | undefined => {
    if (desired.kind !== 'Secret') return objects.get(describe(desired));
    const secret = observed.secrets.get(desired.metadata?.name ?? '');
    return secret && asStored(secret);
  };
  for (const desired of plan.apply) {
    const outcome = await applyObject(desired, findLive(desired), blueprint, writes);
    if (!wentThrough(outcome)) return outcome;
  }
  for (const replicas of plan.replicas) await applyReplicas(blueprint, replicas, writes);
  for (const object of plan.remove) await remove(object, writes);
  // A disruption budget that refuses is an answer: the next pass asks again.
  for (const name of plan.evict)
    await writes.client.evict({ namespace: blueprint.namespace, name }, { signal: writes.signal });
  return {};
};
