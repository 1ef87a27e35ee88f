import type { NamespaceState } from './namespace-state.ts';

/** How often something rolled out, and which version of a spec it follows, is history. */
const isHistory = (field: string): boolean =>
  field === 'observedGeneration' || field === 'deployment.kubernetes.io/revision';

const withoutHistory = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutHistory);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([field]) => !isHistory(field));
  return Object.fromEntries(fields.map(([field, content]) => [field, withoutHistory(content)]));
};

const settingsPattern = /^ConfigMap\/.*<hash>$/;

/**
 * A state without what remembers how it came about: rollouts that are over, and settings that an older ReplicaSet still
 * names. Settings are in the templates by name, so that one set of them is always wanted.
 */
export const asFresh = (state: NamespaceState): NamespaceState =>
  Object.fromEntries(
    Object.entries(state).map(([key, objects]) => [
      key,
      settingsPattern.test(key) ? ['settings'] : objects.map(withoutHistory),
    ]),
  );
