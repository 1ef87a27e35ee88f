import type { NamespaceState } from './namespace-state.ts';

type Described = {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly spec?: object;
};

/** How often a Deployment has rolled out is history. */
const withoutRevision = (object: unknown): unknown => {
  // As `readNamespaceState` describes objects.
  const { metadata, ...rest } = object as Described;
  const { 'deployment.kubernetes.io/revision': _revision, ...annotations } = metadata.annotations;
  return { metadata: { ...metadata, annotations }, ...rest };
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
      settingsPattern.test(key) ? ['settings'] : objects.map(withoutRevision),
    ]),
  );
