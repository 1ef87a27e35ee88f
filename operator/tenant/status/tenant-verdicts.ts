import type { TenantConditionType, TenantReason, Verdict } from '../../api/conditions.ts';

export type TenantVerdict = Verdict<TenantConditionType, TenantReason>;

/** Something that the spec names is not there, or not all of it. */
const missingReasons = [
  'SecretNotFound',
  'SecretKeyMissing',
  'ConfigMapNotFound',
  'ConfigMapKeyMissing',
  'KindNotServed',
] as const satisfies readonly TenantReason[];

/** Reasons that someone has to act on; every other one is work in progress. */
export const stalledReasons = [
  ...missingReasons,
  'NameTaken',
  'IssuerInvalid',
  'IssuerInUse',
  'VersionNotSupported',
  'IssuerNotAllowed',
  'ImageNotAllowed',
  'PriorityClassNotAllowed',
  'ObjectRefused',
  'VolumeNotExpandable',
  'StorageClassFixed',
  'RetainedObjectsOfAnotherIssuer',
  'EncryptionKeyMissing',
  'EncryptionKeyChanged',
  'DatabaseAuthenticationFailed',
  'DatabasePermissionDenied',
  'DatabaseRoleMissing',
  'DatabaseChanged',
  'MigrationFailed',
  'RolloutStuck',
  'NodesNotReadable',
  'DatabaseUrlInvalid',
  'CacheUrlInvalid',
  'MailUrlInvalid',
  'TrustBundleInvalid',
] as const satisfies readonly TenantReason[];
export type StalledReason = (typeof stalledReasons)[number];

const includes = (reasons: readonly TenantReason[], reason: TenantReason): boolean => reasons.includes(reason);

/** A missing reference is work in progress for so long: GitOps applies things in any order. */
export const referencePatienceMilliseconds = 60_000;

const isPatient = ({ reason }: TenantVerdict, unresolvedForMilliseconds: number): boolean =>
  includes(missingReasons, reason) && unresolvedForMilliseconds < referencePatienceMilliseconds;

/**
 * Ready with its kstatus companions, from the verdicts that it rests on, in their order: the first one that does not
 * hold is what the tenant waits for. Whenever Ready is not True, exactly one of Reconciling and Stalled is.
 */
export const summarize = (holding: readonly TenantVerdict[], unresolvedForMilliseconds: number): TenantVerdict[] => {
  const blocking = holding.find(({ status }) => status !== 'True');
  if (blocking === undefined) {
    return [
      { type: 'Ready', status: 'True', reason: 'AllAvailable', message: 'gateway, auth and token-store are available' },
    ];
  }
  const { reason, message } = blocking;
  if (includes(stalledReasons, reason) && !isPatient(blocking, unresolvedForMilliseconds)) {
    return [
      { type: 'Ready', status: 'False', reason, message },
      { type: 'Stalled', status: 'True', reason, message },
    ];
  }
  const named: ReadonlySet<TenantReason> = new Set<TenantReason>(['DatabaseUnreachable', ...missingReasons]);
  return [
    { type: 'Ready', status: 'False', reason: named.has(reason) ? reason : 'Progressing', message },
    { type: 'Reconciling', status: 'True', reason, message },
  ];
};

/**
 * The same summary for a tenant that works, and whose last change waits for its turn to follow the operator. Whether that
 * will work nobody knows yet; and from its turn on `False` says since when it does not.
 */
export const asWaitingForTurn = (summary: readonly TenantVerdict[], message: string): readonly TenantVerdict[] => {
  const isReady = summary.every(({ type, status }) => type === 'Ready' && status === 'True');
  if (!isReady) return summary;
  const reason = 'WaitingForTurn';
  return [
    { type: 'Ready', status: 'Unknown', reason, message },
    { type: 'Reconciling', status: 'True', reason, message },
  ];
};

const pausedNote = 'spec.paused is set: nothing is changed, and no certificate renewed, until it is unset';

/**
 * The same summary for a tenant that is paused. Changes that wait for the end of the pause wait for somebody: Stalled.
 * What Kubernetes repairs by itself, and what was stalled before, keeps its reason.
 */
export const asPaused = (summary: readonly TenantVerdict[], hasPendingChanges: boolean): TenantVerdict[] => {
  const isReady = summary.every(({ type, status }) => type === 'Ready' && status === 'True');
  const isStalled = summary.some(({ type }) => type === 'Stalled');
  const [first] = summary;
  if (first === undefined) return [];
  if (hasPendingChanges && !isStalled) {
    const message = isReady
      ? `${pausedNote}; changes of the spec wait`
      : `${pausedNote}; before that: ${first.message}`;
    return [
      { type: 'Ready', status: 'False', reason: 'Paused', message },
      { type: 'Stalled', status: 'True', reason: 'Paused', message },
    ];
  }
  return summary.map((verdict) => ({
    ...verdict,
    ...(isReady ? { reason: 'Paused' as const } : {}),
    message: `${verdict.message}; ${pausedNote}`,
  }));
};
