import { z } from 'zod';
import { celRules } from './cel-rules.ts';
import {
  annotationsSchema,
  labelsSchema,
  labelValueSchema,
  namespaceNameSchema,
  qualifiedNameSchema,
  subdomainPattern,
} from './qualified-name.ts';

export const nodeSelectorSchema = labelsSchema('nodeSelector').describe(
  'Labels of the nodes on which the pods may run.',
);

const tolerationSchema = z
  .object({
    key: qualifiedNameSchema.exactOptional().describe('Key of the taint. Unset, with `Exists`: every taint.'),
    operator: z.enum(['Exists', 'Equal']).default('Equal').describe('How the value is compared.'),
    value: labelValueSchema.exactOptional().describe('Value of the taint, for `Equal`.'),
    effect: z
      .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
      .exactOptional()
      .describe('Effect of the taint. Unset: every effect.'),
    tolerationSeconds: z.int().min(0).exactOptional().describe('How long a `NoExecute` taint is borne, seconds.'),
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

const values = (value: z.ZodType<string>) => z.array(value).min(1).max(64).exactOptional();
const key = qualifiedNameSchema.describe('Key of the label.');

const takesValues = (operators: string, field: string) => ({
  rule: `(self.operator in [${operators}]) == has(self.values)`,
  message: `${field}: In and NotIn (Gt, Lt) need values, Exists and DoesNotExist take none`,
});

const nodeRequirement = z
  .object({
    key,
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']).describe('How values are compared.'),
    values: values(labelValueSchema).describe('Values; for `Gt` and `Lt` one number.'),
  })
  .meta(
    celRules(takesValues("'In', 'NotIn', 'Gt', 'Lt'", 'matchExpressions'), {
      rule: "!(self.operator in ['Gt', 'Lt']) || !has(self.values) || (size(self.values) == 1 && self.values[0].matches('^[0-9]{1,18}$'))",
      message: 'matchExpressions: Gt and Lt take exactly one value, a whole number',
    }),
  );

/** Only the name of a node can be selected by, and only one. */
const nodeFieldRequirement = z.object({
  key: z.enum(['metadata.name']).describe('Field of the node.'),
  operator: z.enum(['In', 'NotIn']).describe('How values are compared.'),
  values: z.array(z.string().min(1).max(253).regex(subdomainPattern)).min(1).max(1).describe('The name of a node.'),
});

const nodeSelectorTerm = z.object({
  matchExpressions: z.array(nodeRequirement).max(32).exactOptional().describe('Requirements on labels of the node.'),
  matchFields: z.array(nodeFieldRequirement).max(32).exactOptional().describe('Requirements on fields of the node.'),
});

const labelRequirement = z
  .object({
    key,
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How values are compared.'),
    values: values(labelValueSchema).describe('Values, for the operators that take some.'),
  })
  .meta(celRules(takesValues("'In', 'NotIn'", 'matchExpressions')));

const labelSelector = z
  .object({
    matchLabels: labelsSchema('matchLabels').exactOptional(),
    matchExpressions: z.array(labelRequirement).max(32).exactOptional(),
  })
  .describe('Labels of pods.');

const podAffinityTerm = z.object({
  topologyKey: qualifiedNameSchema.describe('Label of nodes within whose value the pods count as together.'),
  labelSelector: labelSelector.exactOptional(),
  namespaces: z
    .array(namespaceNameSchema)
    .max(64)
    .exactOptional()
    .describe('Namespaces of these pods. Unset: this one.'),
  namespaceSelector: labelSelector.exactOptional(),
});

const weight = z.int().min(1).max(100).describe('1 to 100.');

const podAffinity = z.object({
  requiredDuringSchedulingIgnoredDuringExecution: z.array(podAffinityTerm).max(16).exactOptional(),
  preferredDuringSchedulingIgnoredDuringExecution: z
    .array(z.object({ weight, podAffinityTerm }))
    .max(16)
    .exactOptional(),
});

const affinitySchema = z
  .object({
    nodeAffinity: z
      .object({
        requiredDuringSchedulingIgnoredDuringExecution: z
          .object({ nodeSelectorTerms: z.array(nodeSelectorTerm).min(1).max(16) })
          .exactOptional(),
        preferredDuringSchedulingIgnoredDuringExecution: z
          .array(z.object({ weight, preference: nodeSelectorTerm }))
          .max(16)
          .exactOptional(),
      })
      .exactOptional(),
    podAffinity: podAffinity.exactOptional(),
    podAntiAffinity: podAffinity.exactOptional(),
  })
  .describe('Affinity of the pods, as in a pod template. The spread over zones and nodes stays beside it.');

/** Where the pods of a service run, and what they carry there; as in a pod template of Kubernetes. */
export const schedulingShape = {
  nodeSelector: nodeSelectorSchema.exactOptional(),
  tolerations: z
    .array(tolerationSchema)
    .max(32)
    .exactOptional()
    .describe('Taints that the pods bear, beside those that every service bears for 20 s when its node is lost.'),
  affinity: affinitySchema.exactOptional(),
  priorityClassName: z
    .string()
    .min(1)
    .max(253)
    .regex(subdomainPattern)
    .exactOptional()
    .describe('PriorityClass of the pods.'),
  podAnnotations: annotationsSchema('podAnnotations')
    .exactOptional()
    .describe('Annotations of the pods. A change rolls the service.'),
};
