import { annotations, labels } from '../../api/group.ts';
import type { Blueprint } from '../../manifests/blueprint.ts';
import { objectLabels } from '../../manifests/metadata.ts';
import { objectNames } from '../../manifests/object-names.ts';
import { findDifferences } from '../../runtime/desired-state.ts';
import type { LiveObject, ObjectMeta } from '../../runtime/kubernetes-object.ts';
import { builtInResources, type ResourceKind } from '../../runtime/resource-kind.ts';
import { findObject, type Observed } from '../observed.ts';
import { buildSecretMetadata, generatedSecrets } from './secret-plan.ts';

/** Metadata to be put right on an object whose content is not ours to write a second time. */
export type MetadataRepair = {
  readonly resource: ResourceKind;
  readonly name: string;
  /** `resourceVersion`: of the version that was observed, since a list of owners is replaced whole. */
  readonly metadata: Pick<ObjectMeta, 'labels' | 'annotations' | 'ownerReferences' | 'resourceVersion'>;
};

const repair = (
  resource: ResourceKind,
  live: Pick<LiveObject, 'kind' | 'apiVersion' | 'metadata'>,
  wanted: Pick<ObjectMeta, 'labels' | 'annotations' | 'ownerReferences'>,
): MetadataRepair | undefined => {
  const { kind, apiVersion, metadata } = live;
  if (metadata.deletionTimestamp !== undefined) return undefined;
  if (findDifferences({ apiVersion, kind, metadata: wanted }, live).length === 0) return undefined;
  const ours = wanted.ownerReferences;
  const others = (metadata.ownerReferences ?? []).filter(({ uid }) => ours?.every((owner) => owner.uid !== uid));
  return {
    resource,
    name: metadata.name,
    metadata: {
      ...wanted,
      ...(ours === undefined ? {} : { ownerReferences: [...others, ...ours] }),
      resourceVersion: metadata.resourceVersion,
    },
  };
};

/** What has to be put right on a generated Secret; undefined when nothing. */
export const planSecretRepair = (
  blueprint: Blueprint,
  generated: Parameters<typeof buildSecretMetadata>[1],
  live: Pick<LiveObject, 'kind' | 'apiVersion' | 'metadata'>,
): MetadataRepair | undefined => {
  const { name: _name, namespace: _namespace, ...wanted } = buildSecretMetadata(blueprint, generated);
  return repair(builtInResources.secrets, live, wanted);
};

/**
 * Labels, owners and the issuer of generated Secrets and of the database's volume, where they are not as they were made:
 * somebody damaged them, or an earlier tenant of this name and issuer left the object, and this one takes it over.
 */
export const planMetadataRepairs = (observed: Observed, blueprint: Blueprint): MetadataRepair[] => {
  const volume = findObject(observed, 'PersistentVolumeClaim', objectNames.databaseVolume(blueprint));
  const issuer = { [annotations.issuer]: blueprint.spec.issuer };
  return [
    ...generatedSecrets(blueprint).map((generated) => {
      const live = observed.secrets.get(generated.name);
      return live === undefined ? undefined : planSecretRepair(blueprint, generated, live);
    }),
    volume === undefined
      ? undefined
      : repair(builtInResources.persistentVolumeClaims, volume, {
          labels: objectLabels(blueprint, 'database'),
          annotations: issuer,
        }),
  ].filter((one) => one !== undefined);
};

/**
 * The issuer whose keys or data a retained object holds. Where the annotation is lost, the label tells whether the object
 * is of this very tenant, which put it there only after it had looked at the issuer.
 */
export const issuerOfRetained = (
  { metadata }: Pick<LiveObject, 'metadata'>,
  { uid, spec }: Pick<Blueprint, 'uid' | 'spec'>,
): string | undefined =>
  metadata.annotations?.[annotations.issuer] ?? (metadata.labels?.[labels.tenantUid] === uid ? spec.issuer : undefined);
