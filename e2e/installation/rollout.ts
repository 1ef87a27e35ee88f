import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { IPod } from 'kubernetes-models/v1';

/** How far a Deployment is with what was asked of it; `pending` says in words what is missing. */
export type Rollout = { readonly done: undefined } | { readonly pending: string };

/**
 * Whether the pods of a Deployment are all of its newest template, that is with these images, and all available.
 * @param image what every container shall run; undefined when any image will do
 */
export const decideRollout = (deployment: IDeployment | undefined, image: string | undefined): Rollout => {
  if (deployment === undefined) return { pending: 'it is not there yet' };
  const images = deployment.spec?.template.spec?.containers.map((container) => container.image) ?? [];
  if (image !== undefined && images.some((running) => running !== image)) {
    return { pending: `it still asks for ${images.join(', ')}` };
  }
  const { observedGeneration, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = deployment.status ?? {};
  if (observedGeneration !== deployment.metadata?.generation) return { pending: 'its change was not noticed yet' };
  const desired = deployment.spec?.replicas ?? 1;
  if (updatedReplicas < desired) return { pending: `${updatedReplicas} of ${desired} pods are current` };
  if (replicas > updatedReplicas) return { pending: `${replicas - updatedReplicas} pods of before are still there` };
  if (availableReplicas < desired) return { pending: `${availableReplicas} of ${desired} pods are available` };
  return { done: undefined };
};

/** Waiting reasons that every pod has while all is well. */
const ordinary = new Set(['ContainerCreating', 'PodInitializing']);

/** What keeps the first container that cannot start from starting, such as an image that is not there. */
export const findObstacle = (pods: readonly IPod[]): string | undefined => {
  for (const { metadata, status } of pods) {
    for (const { name, state } of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
      const { reason, message = '' } = state?.waiting ?? {};
      if (reason === undefined || ordinary.has(reason)) continue;
      return `container ${name} of pod ${metadata?.name} waits: ${reason}${message === '' ? '' : `: ${message}`}`;
    }
  }
  return undefined;
};
