import { z } from 'zod';
import { type CelRule, celRules } from './cel-rules.ts';
import { quantitySchema } from './quantity.ts';
import { schedulingShape } from './scheduling.ts';

const resourceList = z.object({ cpu: quantitySchema.optional(), memory: quantitySchema.optional() });

const staysWithin = (resource: 'cpu' | 'memory'): CelRule => {
  const both = ['requests', 'limits'].flatMap((list) => [`has(self.${list})`, `has(self.${list}.${resource})`]);
  const quantityOf = (list: 'requests' | 'limits') => `quantity(string(self.${list}.${resource}))`;
  return {
    rule: `!(${both.join(' && ')}) || ${quantityOf('requests')}.compareTo(${quantityOf('limits')}) <= 0`,
    message: `resources.requests.${resource} must not be above resources.limits.${resource}`,
  };
};

export const resourcesSchema = z
  .object({
    requests: resourceList.optional().describe('What the scheduler sets aside.'),
    limits: resourceList.optional().describe('What the container is held to; above its memory limit it is ended.'),
  })
  .describe('Requests and limits of the container; they replace the default whole. Default: docs/tenant.md.')
  .meta(celRules(staysWithin('cpu'), staysWithin('memory')));

const autoscalingSchema = z
  .object({
    minReplicas: z.int().min(1).max(1_000).default(3).describe('Pods at least.'),
    maxReplicas: z.int().min(1).max(1_000).describe('Pods at most.'),
    targetCPUUtilizationPercentage: z
      .int()
      .min(1)
      .max(100)
      .default(70)
      .describe('CPU in per cent of the request that the autoscaler aims at.'),
  })
  .describe('A HorizontalPodAutoscaler sets the number of pods. Not under `availability.mode: Single`.')
  .meta(
    celRules({
      rule: 'self.minReplicas <= self.maxReplicas',
      message: 'autoscaling.minReplicas (3 unless set) must not be above autoscaling.maxReplicas',
    }),
  );

/** What every service may be told. */
export const workloadShape = {
  replicas: z
    .int()
    .min(0)
    .max(1_000)
    .optional()
    .describe('Pods of this service. Default 3; always 1 under `availability.mode: Single`.'),
  autoscaling: autoscalingSchema.optional(),
  resources: resourcesSchema.optional(),
  ...schedulingShape,
  logLevel: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('What is logged at least. Changes without a restart.'),
};

/** Rules of an object that has {@link workloadShape}. */
export const workloadRules: readonly CelRule[] = [
  {
    rule: '!(has(self.replicas) && has(self.autoscaling))',
    message: 'set replicas or autoscaling, not both: the autoscaler sets the number of pods',
  },
  {
    rule: '!has(self.autoscaling) || !has(self.resources) || (has(self.resources.requests) && has(self.resources.requests.cpu)) || (has(self.resources.limits) && has(self.resources.limits.cpu))',
    message:
      'autoscaling needs resources.requests.cpu, of which its target is a percentage; set it, or leave resources out',
  },
];
