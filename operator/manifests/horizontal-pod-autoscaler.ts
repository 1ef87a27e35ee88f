import type { IHorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { autoscalingOf, type Blueprint, components } from './blueprint.ts';
import { ownedMetadata } from './metadata.ts';
import { objectNames } from './object-names.ts';

/**
 * One autoscaler for each service that is to have one. It scales up at once, to twice the pods in 15 s at most, and down
 * only after five minutes in which fewer would have done.
 */
export const buildHorizontalPodAutoscalers = (blueprint: Blueprint): IHorizontalPodAutoscaler[] =>
  components.flatMap((component) => {
    const autoscaling = autoscalingOf(blueprint, component);
    if (autoscaling === undefined) return [];
    const name = objectNames.workload(blueprint, component);
    return {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: ownedMetadata(blueprint, name, component),
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
        minReplicas: autoscaling.minReplicas,
        maxReplicas: autoscaling.maxReplicas,
        metrics: [
          {
            // Of our container, not of the pod: a sidecar that somebody injects without a request would stop the autoscaler.
            type: 'ContainerResource',
            containerResource: {
              name: 'cpu',
              container: component,
              target: { type: 'Utilization', averageUtilization: autoscaling.targetCPUUtilizationPercentage },
            },
          },
        ],
        behavior: {
          scaleUp: {
            stabilizationWindowSeconds: 0,
            selectPolicy: 'Max',
            policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
          },
          scaleDown: {
            stabilizationWindowSeconds: 300,
            selectPolicy: 'Max',
            policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
          },
        },
      },
    } satisfies IHorizontalPodAutoscaler;
  });
