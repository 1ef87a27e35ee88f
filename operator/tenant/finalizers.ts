import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import { hasReason } from '../runtime/kubernetes-error.ts';
import type { ResourceKind } from '../runtime/resource-kind.ts';

type Observed = { readonly name: string; readonly namespace: string; readonly resourceVersion?: string | undefined };

/**
 * Replaces the finalizers of exactly the version that was observed; `Conflict` when it has changed since. What is gone
 * meanwhile needs none.
 * @returns whether the object is still there.
 */
export const writeFinalizers = async (
  client: Pick<KubernetesClient, 'patchMerge'>,
  resource: ResourceKind,
  { name, namespace, resourceVersion }: Observed,
  finalizers: readonly string[],
  signal: AbortSignal,
): Promise<boolean> => {
  try {
    const metadata = { resourceVersion, finalizers };
    await client.patchMerge({ resource, namespace, name }, { metadata }, { signal });
    return true;
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
    return false;
  }
};
