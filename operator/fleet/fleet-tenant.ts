import { z } from 'zod';
import type { TenantReason } from '../api/conditions.ts';
import type { LiveObject } from '../runtime/kubernetes-object.ts';

// So much and no more: the turns need nothing else.
const tenantSchema = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string(),
    uid: z.string(),
    resourceVersion: z.string(),
    generation: z.int().default(1),
    deletionTimestamp: z.string().optional(),
  }),
  spec: z.object({
    version: z.string().optional(),
    paused: z.boolean().default(false),
    updatePolicy: z.object({ wave: z.int().default(0) }).prefault({}),
  }),
  status: z
    .object({
      version: z.string().optional(),
      targetVersion: z.string().optional(),
      conditions: z
        .array(
          z.object({
            type: z.string(),
            status: z.string(),
            reason: z.string().default(''),
            message: z.string().default(''),
            observedGeneration: z.int().optional(),
            lastTransitionTime: z.string(),
          }),
        )
        .default([]),
    })
    .prefault({}),
});

/** What the turns are decided by. */
export type FleetTenant = {
  /** `namespace/name`. */
  readonly key: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
  readonly wave: number;
  /** It pins its version. */
  readonly pinned: boolean;
  readonly paused: boolean;
  readonly leaving: boolean;
  /** Version that all its services run; undefined before the first. */
  readonly version: string | undefined;
  /** Its turn: where it is being brought. */
  readonly targetVersion: string | undefined;
  /** Ready for the current generation; or it would be, but waits for its turn to carry that out. */
  readonly ready: boolean;
  /** Why it is not, in a sentence. */
  readonly message: string;
  readonly stalled: boolean;
  /** ms since the epoch; undefined while it is Ready, or waits for its turn. */
  readonly notReadySince: number | undefined;
};

const waitingForTurn: TenantReason = 'WaitingForTurn';

const parseFleetTenantAnew = (object: LiveObject): FleetTenant | undefined => {
  const parsed = tenantSchema.safeParse(object).data;
  if (parsed === undefined) return undefined;
  const { metadata, spec, status } = parsed;
  const { name, namespace, uid, resourceVersion, generation, deletionTimestamp } = metadata;
  const ready = status.conditions.find(({ type }) => type === 'Ready');
  const isReady = ready?.status === 'True' || ready?.reason === waitingForTurn;
  return {
    key: `${namespace}/${name}`,
    metadata: { name, namespace, uid, resourceVersion },
    wave: spec.updatePolicy.wave,
    pinned: spec.version !== undefined,
    paused: spec.paused,
    leaving: deletionTimestamp !== undefined,
    version: status.version,
    targetVersion: status.targetVersion,
    ready: isReady && ready.observedGeneration === generation,
    message: ready?.message ?? '',
    stalled: status.conditions.some((condition) => condition.type === 'Stalled' && condition.status === 'True'),
    notReadySince: isReady || ready === undefined ? undefined : Date.parse(ready.lastTransitionTime),
  };
};

// The whole fleet is looked at whenever one of it has changed, and an object in a cache never changes: a new version is
// another object.
const parsedTenants = new WeakMap<LiveObject, FleetTenant | 'unreadable'>();

/** Undefined for what is no tenant that this operator could read: it is not ours to judge. */
export const parseFleetTenant = (object: LiveObject): FleetTenant | undefined => {
  const parsed = parsedTenants.get(object) ?? parseFleetTenantAnew(object) ?? 'unreadable';
  parsedTenants.set(object, parsed);
  return parsed === 'unreadable' ? undefined : parsed;
};
