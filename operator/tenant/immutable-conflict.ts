import type { KubernetesError } from '../runtime/kubernetes-error.ts';

/**
 * How an object is deleted whose desired content the API server refuses only because a field of it cannot be changed:
 * what runs under it is left to the one that is made in its place, which adopts it by its labels.
 */
const propagation = new Map<string, 'Orphan' | 'Background'>([
  ['StatefulSet', 'Orphan'],
  ['Deployment', 'Orphan'],
  ['Job', 'Background'],
  ['Service', 'Background'],
  ['ConfigMap', 'Background'],
]);

// The words of k8s.io/apimachinery/pkg/api/validation, pkg/apis/core/validation and pkg/apis/apps/validation.
const immutability = /field is immutable|may not change once set|updates to statefulset spec for fields other than/g;

/**
 * How to delete a live object of this kind so that it can be made anew; undefined where that would be of no use, since
 * there is another error, or where it would lose something.
 */
export const planReplacement = (
  kind: string,
  { reason, message, fields }: Pick<KubernetesError, 'reason' | 'message' | 'fields'>,
): 'Orphan' | 'Background' | undefined => {
  if (reason !== 'Invalid') return undefined;
  const complaints = message.match(immutability)?.length ?? 0;
  return complaints > 0 && complaints >= fields.length ? propagation.get(kind) : undefined;
};
