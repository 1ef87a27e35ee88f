import { LRUCache } from 'lru-cache';
import { findDifferences, hashDesired } from '../../runtime/desired-state.ts';
import { type DesiredObject, type LiveObject, objectKey } from '../../runtime/kubernetes-object.ts';

/**
 * What admission makes of objects that we apply: fields that a mutating webhook or policy changes on their way in. To
 * write them again would change nothing, so they count as converged for that very content. Only in memory: a new leader
 * learns it by one write each.
 */
export type FieldMutations = {
  /** Paths of the fields that were changed when this content was applied last; empty when none were, or nothing is known. */
  fieldsOf(desired: DesiredObject): readonly string[];
  /** @returns the paths that `answer` has otherwise than they were sent, when that is news; else undefined. */
  learn(desired: DesiredObject, answer: LiveObject): readonly string[] | undefined;
};

const maxObjects = 10_000;

const keyOf = ({ kind, metadata }: DesiredObject): string =>
  `${kind}/${objectKey(metadata?.namespace, metadata?.name ?? '')}`;

export const createFieldMutations = (): FieldMutations => {
  const known = new LRUCache<string, { readonly hash: string; readonly fields: readonly string[] }>({
    max: maxObjects,
  });
  const fieldsOf = (desired: DesiredObject): readonly string[] => {
    const mutation = known.get(keyOf(desired));
    return mutation?.hash === hashDesired(desired) ? mutation.fields : [];
  };
  return {
    fieldsOf,
    learn: (desired, answer) => {
      const fields = findDifferences(desired, answer);
      const before = fieldsOf(desired);
      if (fields.length === 0) known.delete(keyOf(desired));
      else known.set(keyOf(desired), { hash: hashDesired(desired), fields });
      return fields.every((field) => before.includes(field)) ? undefined : fields;
    },
  };
};
