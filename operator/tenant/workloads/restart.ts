import { createHash } from 'node:crypto';
import type { IDeployment } from 'kubernetes-models/apps/v1';
import { annotations } from '../../api/group.ts';
import type { Observed } from '../observed.ts';

/** Annotations of a pod have a limit together; a longer value counts by its hash. */
const maxLength = 256;

const bounded = (value: string): string =>
  value.length <= maxLength ? value : createHash('sha256').update(value).digest('hex');

// Objects come out of a cache by their kind, which the API server validated.
const templateAnnotations = ({ objects }: Pick<Observed, 'objects'>): Readonly<Record<string, string>>[] =>
  objects.flatMap((object) =>
    object.kind === 'Deployment' ? [(object as IDeployment).spec?.template?.metadata?.annotations ?? {}] : [],
  );

/**
 * The value by which somebody asked last for a restart: that of the tenant's annotation, else the one that runs already.
 * Taking the annotation away asks for nothing.
 */
export const readRestart = (observed: Pick<Observed, 'objects' | 'tenant'>): string | undefined => {
  const asked = observed.tenant.metadata.annotations[annotations.restart];
  if (asked !== undefined && asked !== '') return bounded(asked);
  return templateAnnotations(observed)
    .map((all) => all[annotations.restart])
    .find((value) => value !== undefined);
};
