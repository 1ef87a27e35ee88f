import { z } from 'zod';
import { celRules } from './cel-rules.ts';

const labelKey = z.string().min(1).max(317);
const labelValue = z
  .string()
  .max(63)
  .regex(/^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$/);

export const nodeSelectorSchema = z
  .record(z.string().max(317), labelValue)
  .meta({ maxProperties: 64 })
  .describe('Labels of the nodes on which the pods may run.');

const tolerationSchema = z
  .object({
    key: z.string().max(317).optional().describe('Key of the taint. Unset, with `Exists`: every taint.'),
    operator: z.enum(['Exists', 'Equal']).default('Equal').describe('How the value is compared.'),
    value: labelValue.optional().describe('Value of the taint, for `Equal`.'),
    effect: z
      .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
      .optional()
      .describe('Effect of the taint. Unset: every effect.'),
    tolerationSeconds: z.int().min(0).optional().describe('How long a `NoExecute` taint is borne, seconds.'),
  })
  .meta(
    celRules(
      {
        rule: "!(self.operator == 'Exists' && has(self.value) && self.value != '')",
        message: 'tolerations: operator Exists takes no value; leave it out, or set operator Equal',
      },
      {
        rule: "has(self.key) || self.operator == 'Exists'",
        message: 'tolerations: without a key the operator must be Exists',
      },
      {
        rule: "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
        message: 'tolerations: tolerationSeconds needs the effect NoExecute',
      },
    ),
  );

const selectorRequirement = (operators: [string, ...string[]]) =>
  z.object({
    key: labelKey.describe('Key of the label.'),
    operator: z.enum(operators).describe('How values are compared.'),
    values: z.array(labelValue).max(64).optional().describe('Values, for the operators that take some.'),
  });

const nodeSelectorTerm = z.object({
  matchExpressions: z
    .array(selectorRequirement(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']))
    .max(32)
    .optional()
    .describe('Requirements on labels of the node.'),
  matchFields: z
    .array(selectorRequirement(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']))
    .max(32)
    .optional()
    .describe('Requirements on fields of the node.'),
});

const labelSelector = z
  .object({
    matchLabels: z.record(z.string().max(317), labelValue).meta({ maxProperties: 64 }).optional(),
    matchExpressions: z
      .array(selectorRequirement(['In', 'NotIn', 'Exists', 'DoesNotExist']))
      .max(32)
      .optional(),
  })
  .describe('Labels of pods.');

const podAffinityTerm = z.object({
  topologyKey: labelKey.describe('Label of nodes within whose value the pods count as together.'),
  labelSelector: labelSelector.optional(),
  namespaces: z.array(z.string().max(63)).max(64).optional().describe('Namespaces of these pods. Unset: this one.'),
  namespaceSelector: labelSelector.optional(),
});

const weight = z.int().min(1).max(100).describe('1 to 100.');

const podAffinity = z.object({
  requiredDuringSchedulingIgnoredDuringExecution: z.array(podAffinityTerm).max(16).optional(),
  preferredDuringSchedulingIgnoredDuringExecution: z.array(z.object({ weight, podAffinityTerm })).max(16).optional(),
});

const affinitySchema = z
  .object({
    nodeAffinity: z
      .object({
        requiredDuringSchedulingIgnoredDuringExecution: z
          .object({ nodeSelectorTerms: z.array(nodeSelectorTerm).min(1).max(16) })
          .optional(),
        preferredDuringSchedulingIgnoredDuringExecution: z
          .array(z.object({ weight, preference: nodeSelectorTerm }))
          .max(16)
          .optional(),
      })
      .optional(),
    podAffinity: podAffinity.optional(),
    podAntiAffinity: podAffinity.optional(),
  })
  .describe('Affinity of the pods, as in a pod template. The spread over zones and nodes stays beside it.');

const reservedPrefix = 'identity-operator.io/';

/** Where the pods of a service run, and what they carry there; as in a pod template of Kubernetes. */
export const schedulingShape = {
  nodeSelector: nodeSelectorSchema.optional(),
  tolerations: z
    .array(tolerationSchema)
    .max(32)
    .optional()
    .describe('Taints that the pods bear, beside those that every service bears for 20 s when its node is lost.'),
  affinity: affinitySchema.optional(),
  priorityClassName: z
    .string()
    .min(1)
    .max(253)
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/)
    .optional()
    .describe('PriorityClass of the pods.'),
  podAnnotations: z
    .record(z.string().max(317), z.string().max(4_096))
    .meta({
      maxProperties: 64,
      ...celRules({
        rule: `self.all(key, !key.startsWith('${reservedPrefix}'))`,
        message: `podAnnotations: keys that begin with ${reservedPrefix} are the operator's; use another prefix`,
      }),
    })
    .optional()
    .describe('Annotations of the pods. A change rolls the service.'),
};
