import { createHash } from 'node:crypto';
import type { DesiredObject, KubernetesObject, LiveObject } from './kubernetes-object.ts';

/** Why an object has to be applied. */
export type ApplyReason =
  | { readonly reason: 'missing' }
  /** The desired content is another than what was last applied; a field may have been dropped from it. */
  | { readonly reason: 'changed' }
  /** Somebody changed our fields in the live object; `fields` are their paths, never values. */
  | { readonly reason: 'drifted'; readonly fields: readonly string[] };

// The keys by which the API server merges lists of objects; the first that every element of the desired list has counts.
const mergeKeys = new Map<string, readonly (readonly string[])[]>(
  Object.entries({
    conditions: [['type']],
    containers: [['name']],
    env: [['name']],
    ephemeralContainers: [['name']],
    hostAliases: [['ip']],
    imagePullSecrets: [['name']],
    initContainers: [['name']],
    ownerReferences: [['uid']],
    ports: [
      ['containerPort', 'protocol'],
      ['port', 'protocol'],
    ],
    readinessGates: [['conditionType']],
    topologySpreadConstraints: [['topologyKey', 'whenUnsatisfiable']],
    volumeDevices: [['devicePath']],
    volumeMounts: [['mountPath']],
    volumes: [['name']],
  }),
);

// What the API server takes as one value (`listType=atomic`, `mapType=atomic`, `structType=atomic`): whoever sets it sets
// all of it. A label that somebody adds to a selector, or a port to a rule, is drift and nobody's field of its own. Builders
// write out what the server would fill in here. Nothing of custom resources is listed: their next version may fill in more.
const atomicFields = new Set([
  'affinity',
  'egress',
  'ingress',
  'labelSelector',
  'metrics',
  'namespaceSelector',
  'nodeSelector',
  'podSelector',
  'policies',
  'selector',
  'tolerations',
]);

// The server fills the protocol in when it is left out.
const withDefault = (name: string, value: unknown): unknown => (name === 'protocol' ? (value ?? 'TCP') : value);

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

// What the API server stores nothing for: left out, it means the same.
const isZero = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  value === false ||
  value === 0 ||
  (Array.isArray(value) && value.length === 0) ||
  (isFields(value) && Object.values(value).every(isZero));

/** Left out by the server when it is stored; an empty object is not: `namespaceSelector: {}` means every namespace. */
const isUnset = (value: unknown): boolean => isZero(value) && !isFields(value);

const keyOf = (element: Fields, names: readonly string[]): string =>
  JSON.stringify(names.map((name) => withDefault(name, element[name])));

/** The merge key of a list under `field`, when its elements are objects that have it. */
const mergeKeyOf = (field: string, elements: readonly unknown[]): readonly string[] | undefined =>
  mergeKeys
    .get(field)
    ?.find(([required]) =>
      elements.every((element) => isFields(element) && required !== undefined && element[required] !== undefined),
    );

const compareByKey = (
  desired: readonly unknown[],
  live: readonly unknown[],
  names: readonly string[],
  path: string,
): string[] => {
  const liveByKey = new Map(live.filter(isFields).map((element) => [keyOf(element, names), element]));
  return desired.filter(isFields).flatMap((element) => {
    const key = keyOf(element, names);
    const counterpart = liveByKey.get(key);
    const elementPath = `${path}[${key.slice(1, -1)}]`;
    return counterpart === undefined ? [elementPath] : compare(element, counterpart, elementPath, '');
  });
};

const compareLists = (desired: readonly unknown[], live: readonly unknown[], path: string, field: string): string[] => {
  const names = mergeKeyOf(field, desired);
  if (names !== undefined && desired.length > 0) return compareByKey(desired, live, names, path);
  // A set that others add to.
  if (field === 'finalizers') return desired.every((element) => live.includes(element)) ? [] : [path];
  if (desired.length !== live.length) return [path];
  return desired.flatMap((element, index) => compare(element, live[index], `${path}[${index}]`, ''));
};

/** As {@link compare}, but what only `live` has differs too. */
const compareWhole = (desired: unknown, live: unknown, path: string): string[] => {
  if (isFields(desired) && isFields(live)) {
    return [...new Set([...Object.keys(desired), ...Object.keys(live)])].flatMap((name) =>
      compareWhole(desired[name], live[name], `${path}.${name}`),
    );
  }
  if (Array.isArray(desired) && Array.isArray(live)) {
    if (desired.length !== live.length) return [path];
    return desired.flatMap((element, index) => compareWhole(element, live[index], `${path}[${index}]`));
  }
  if (live === undefined) return isZero(desired) ? [] : [path];
  return Object.is(desired, live) || (isZero(desired) && isUnset(live)) ? [] : [path];
};

const compare = (desired: unknown, live: unknown, path: string, field: string): string[] => {
  if (desired === undefined || (live === undefined && isZero(desired))) return [];
  if (atomicFields.has(field)) return compareWhole(desired, live, path);
  if (isFields(desired) && isFields(live)) {
    return Object.entries(desired).flatMap(([name, value]) =>
      compare(value, live[name], path === '' ? name : `${path}.${name}`, name),
    );
  }
  if (Array.isArray(desired) && Array.isArray(live)) return compareLists(desired, live, path, field);
  return Object.is(desired, live) || (desired === null && isZero(live)) ? [] : [path];
};

/**
 * The paths of the fields that `desired` names and `live` has otherwise. Fields that only `live` has are the server's
 * or somebody else's, but in what the server takes as one value; lists with a known merge key are compared by it, other
 * lists element by element.
 * Quantities and times are compared as text: builders emit the canonical form (`500m`, `1Gi`).
 */
export const findDifferences = (desired: DesiredObject, live: KubernetesObject): string[] =>
  compare(desired, live, '', '');

/** Whether a field that `desired` names is otherwise in `live`; see {@link findDifferences}. */
export const differs = (desired: DesiredObject, live: KubernetesObject): boolean =>
  findDifferences(desired, live).length > 0;

/** JSON with the members of objects in the order of their names, and without those that are undefined. */
const canonicalJson = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map((element) => canonicalJson(element ?? null)).join()}]`;
  if (!isFields(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .flatMap((name) => (value[name] === undefined ? [] : [`${JSON.stringify(name)}:${canonicalJson(value[name])}`]));
  return `{${members.join()}}`;
};

const hashes = new WeakMap<DesiredObject, string>();

/**
 * A short hash of the content of an object, the same whatever the order of its fields. It is asked for many times in one
 * pass, and remembered for as long as the object is: an object that was hashed must not be changed any more.
 */
export const hashDesired = (desired: DesiredObject): string => {
  const known = hashes.get(desired);
  if (known !== undefined) return known;
  const hash = createHash('sha256').update(canonicalJson(desired)).digest('base64url').slice(0, 22);
  hashes.set(desired, hash);
  return hash;
};

/** `desired` with its own hash in the annotation `annotation`: what is to be applied. */
export const withDesiredHash = <T extends KubernetesObject>(desired: T, annotation: string): T => ({
  ...desired,
  metadata: {
    ...desired.metadata,
    annotations: { ...desired.metadata?.annotations, [annotation]: hashDesired(desired) },
  },
});

/** Hash of the desired content that a live object was found to be equal to: once for each version of it. */
const equals = new WeakMap<LiveObject, string>();

const isKnownEqual = (desired: DesiredObject, live: LiveObject, hash: string): boolean => {
  if (equals.get(live) === hash) return true;
  if (findDifferences(desired, live).length > 0) return false;
  equals.set(live, hash);
  return true;
};

/**
 * Why `desired` (without its hash) has to be applied over `live`; `undefined` when nothing is to be written.
 * The hash notices what a comparison cannot: a field that was applied once and is no longer desired.
 * `mutated` names fields that a webhook changed in the answer to the last apply of this very content
 * ({@link findDifferences} of that answer): applying them again and again would change nothing.
 */
export const findApplyReason = (
  desired: DesiredObject,
  live: LiveObject | undefined,
  annotation: string,
  mutated: readonly string[] = [],
): ApplyReason | undefined => {
  if (live === undefined) return { reason: 'missing' };
  const hash = hashDesired(desired);
  if (live.metadata.annotations?.[annotation] !== hash) return { reason: 'changed' };
  if (isKnownEqual(desired, live, hash)) return undefined;
  const fields = findDifferences(desired, live).filter((field) => !mutated.includes(field));
  return fields.length === 0 ? undefined : { reason: 'drifted', fields };
};
