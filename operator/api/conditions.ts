import { z } from 'zod';

/** metav1.Condition. */
export const conditionSchema = z.object({
  type: z.string().max(316),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string().min(1).max(1024),
  message: z.string().max(32_768),
  observedGeneration: z.int().min(0).optional(),
  lastTransitionTime: z.iso.datetime(),
});
export type Condition = z.infer<typeof conditionSchema>;

export const conditionsSchema = z
  .array(conditionSchema)
  .max(32)
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] });

/**
 * Conditions of an IdentityTenant. Reconciling and Stalled follow kstatus: abnormal-true, absent when normal; whenever
 * Ready is not True, exactly one of them is.
 */
export type TenantConditionType =
  | 'Ready'
  | 'Reconciling'
  | 'Stalled'
  | 'ReferencesResolved'
  | 'DatabaseReady'
  | 'CacheReady'
  | 'MailConfigured'
  | 'RoutesResolved'
  | 'KeysHealthy'
  | 'TokenStoreAvailable'
  | 'AuthAvailable'
  | 'GatewayAvailable'
  | 'ZoneRedundant';

/** Reasons of a tenant's conditions; `docs/conditions.md` says what to do about each. */
export type TenantReason =
  | 'AllAvailable'
  | 'NotScaling'
  | 'Progressing'
  | 'Paused'
  | 'ReconcileFailed'
  | 'SecretNotFound'
  | 'SecretKeyMissing'
  | 'ConfigMapNotFound'
  | 'ConfigMapKeyMissing'
  | 'KindNotServed'
  | 'DatabaseUrlInvalid'
  | 'CacheUrlInvalid'
  | 'MailUrlInvalid'
  | 'TrustBundleInvalid'
  | 'NameTaken'
  | 'IssuerInvalid'
  | 'IssuerInUse'
  | 'VersionNotSupported'
  | 'IssuerNotAllowed'
  | 'ImageNotAllowed'
  | 'PriorityClassNotAllowed'
  | 'ObjectRefused'
  | 'VolumeNotExpandable'
  | 'StorageClassFixed'
  | 'RetainedObjectsOfAnotherIssuer'
  | 'EncryptionKeyMissing'
  | 'EncryptionKeyChanged'
  | 'DatabaseStarting'
  | 'DatabaseUnreachable'
  | 'DatabaseAuthenticationFailed'
  | 'DatabasePermissionDenied'
  | 'DatabaseRoleMissing'
  | 'DatabaseChanged'
  | 'MigrationRunning'
  | 'MigrationFailed'
  | 'Migrated'
  | 'SharedRole'
  | 'NotConfigured'
  | 'Configured'
  | 'Reachable'
  | 'CacheUnreachable'
  | 'MinimumReplicasUnavailable'
  | 'RolloutInProgress'
  | 'RolloutStuck'
  | 'Waiting'
  | 'WaitingForTurn'
  | 'ServiceNotFound'
  | 'KeyActive'
  | 'NoActiveKey'
  | 'Resolved'
  | 'Spread'
  | 'Unbalanced'
  | 'ZoneDown'
  | 'ZoneMissing'
  | 'NoZones'
  | 'OneZone'
  | 'NodesNotReadable';

export type ClientConditionType = 'Ready' | 'Reconciling' | 'Stalled';

/** Reasons of an IdentityClient's conditions. */
export type ClientReason =
  | 'Registered'
  | 'TenantNotFound'
  | 'TenantNotReady'
  | 'TenantStalled'
  | 'AuthUnreachable'
  | 'RegistrationRefused'
  | 'NameTaken'
  | 'Waiting'
  | 'ReconcileFailed';

/** What a decision says of one condition; time and generation are added when it is written. */
export type Verdict<Type extends string, Reason extends string> = {
  type: Type;
  status: Condition['status'];
  reason: Reason;
  message: string;
};

/**
 * Conditions after `verdicts`, in their order; a type without a verdict is absent. `lastTransitionTime` moves only when
 * the status does (API conventions).
 */
export const nextConditions = (
  current: readonly Condition[],
  verdicts: readonly Verdict<string, string>[],
  observedGeneration: number,
  now: Date,
): Condition[] =>
  verdicts.map((verdict) => {
    const before = current.find(({ type }) => type === verdict.type);
    const lastTransitionTime =
      before?.status === verdict.status ? before.lastTransitionTime : now.toISOString().replace(/\.\d+Z$/, 'Z');
    return { ...verdict, observedGeneration, lastTransitionTime };
  });
