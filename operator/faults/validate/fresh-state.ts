import type { NamespaceState } from './namespace-state.ts';

/** How often something rolled out, which version of a spec it follows, and how often auth wrote its clients, is history. */
const historicFields = new Set(['observedGeneration', 'deployment.kubernetes.io/revision', 'registryRevision']);
const isHistory = (field: string): boolean => historicFields.has(field);

const withoutHistory = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutHistory);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([field]) => !isHistory(field));
  return Object.fromEntries(fields.map(([field, content]) => [field, withoutHistory(content)]));
};

const settingsPattern = /^ConfigMap\/.*<hash>$/;

/** Kept when a tenant leaves its managed database, which has no other trace: data, and the certificate of its server. */
const isOfManagedDatabase = (key: string): boolean =>
  key.startsWith('PersistentVolumeClaim/') || /^Secret\/.*-database-identity$/.test(key);

/** A volume never gets smaller, and one that nobody has provided yet never larger: its size is what was asked for some time. */
const withoutSize = (claim: unknown): unknown => {
  const { spec, ...others } = claim as { readonly spec?: Readonly<Record<string, unknown>> };
  const { resources: _size, ...fixed } = spec ?? {};
  return { ...others, spec: fixed };
};

const describeFresh = (key: string, objects: readonly unknown[]): readonly unknown[] => {
  if (settingsPattern.test(key)) return ['settings'];
  const fresh = objects.map(withoutHistory);
  return key.startsWith('PersistentVolumeClaim/') ? fresh.map(withoutSize) : fresh;
};

/**
 * A state without what remembers how it came about: rollouts that are over, what a managed database has left that is not
 * run any more, and settings that an older ReplicaSet still names. Settings are in the templates by name, so that one set of
 * them is always wanted.
 */
export const asFresh = (state: NamespaceState): NamespaceState => {
  const isDatabaseManaged = Object.keys(state).some((key) => key.startsWith('StatefulSet/'));
  return Object.fromEntries(
    Object.entries(state)
      .filter(([key]) => isDatabaseManaged || !isOfManagedDatabase(key))
      .map(([key, objects]) => [key, describeFresh(key, objects)]),
  );
};
