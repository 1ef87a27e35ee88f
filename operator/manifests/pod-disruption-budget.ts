import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { type Blueprint, components } from './blueprint.ts';
import { ownedMetadata, selectorLabels } from './metadata.ts';
import { objectNames } from './object-names.ts';

/** One budget a service, unless there is one pod of it only: a budget would then block every drain. */
export const buildPodDisruptionBudgets = (blueprint: Blueprint) =>
  blueprint.spec.availability.mode === 'Single'
    ? []
    : components.map(
        (component) =>
          ({
            apiVersion: 'policy/v1',
            kind: 'PodDisruptionBudget',
            metadata: ownedMetadata(blueprint, objectNames.workload(blueprint, component), component),
            spec: {
              maxUnavailable: 1,
              // A pod that is broken anyway must not keep a node from being drained.
              unhealthyPodEvictionPolicy: 'AlwaysAllow',
              selector: { matchLabels: selectorLabels(blueprint, component) },
            },
          }) satisfies IPodDisruptionBudget,
      );
