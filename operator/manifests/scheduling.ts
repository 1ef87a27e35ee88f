import type { IPodSpec, IToleration } from 'kubernetes-models/v1';
import { type Blueprint, type Component, workloadSpecOf } from './blueprint.ts';

const leaveLostNode = (taint: string): IToleration => ({
  key: taint,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 20,
});

/** The default of 300 s would leave the pods of a lost zone in place for five minutes. */
const defaultTolerations = [
  leaveLostNode('node.kubernetes.io/not-ready'),
  leaveLostNode('node.kubernetes.io/unreachable'),
];

/** Whether a toleration of the tenant's speaks of the same taint; one without an effect speaks of every effect. */
const replaces = (written: IToleration, fallback: IToleration): boolean =>
  written.key === fallback.key && (written.effect === undefined || written.effect === fallback.effect);

const buildTolerations = (written: readonly IToleration[]): IToleration[] => [
  ...written,
  ...defaultTolerations.filter((fallback) => !written.some((one) => replaces(one, fallback))),
];

/** Which nodes the pods of a service may run on, by what the tenant says; the spread over them is another matter. */
export const buildScheduling = (
  blueprint: Blueprint,
  component: Component,
): Pick<IPodSpec, 'affinity' | 'nodeSelector' | 'priorityClassName' | 'tolerations'> => {
  const { affinity, nodeSelector, priorityClassName, tolerations = [] } = workloadSpecOf(blueprint, component);
  return {
    ...(affinity === undefined ? {} : { affinity }),
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(priorityClassName === undefined ? {} : { priorityClassName }),
    tolerations: buildTolerations(tolerations),
  };
};

/** By which Secrets the kubelet pulls the images of a tenant's pods. */
export const buildImagePullSecrets = ({ spec }: Blueprint): Pick<IPodSpec, 'imagePullSecrets'> =>
  spec.imagePullSecrets.length === 0 ? {} : { imagePullSecrets: spec.imagePullSecrets };
