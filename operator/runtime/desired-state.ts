import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { stringify } from 'safe-stable-stringify';
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

// Every object of every pass goes through here, nearly always without a difference: `found` takes the paths of those that
// there are, and nothing is made where there are none.

const compareByKey = (
  desired: readonly unknown[],
  live: readonly unknown[],
  names: readonly string[],
  path: string,
  found: string[],
): void => {
  const liveByKey = new Map(live.filter(isFields).map((element) => [keyOf(element, names), element]));
  for (const element of desired.filter(isFields)) {
    const key = keyOf(element, names);
    const counterpart = liveByKey.get(key);
    const elementPath = `${path}[${key.slice(1, -1)}]`;
    if (counterpart === undefined) found.push(elementPath);
    else compare(element, counterpart, elementPath, '', found);
  }
};

const compareLists = (
  desired: readonly unknown[],
  live: readonly unknown[],
  path: string,
  field: string,
  found: string[],
): void => {
  const names = mergeKeyOf(field, desired);
  if (names !== undefined && desired.length > 0) compareByKey(desired, live, names, path, found);
  else if (field === 'finalizers') {
    // A set that others add to.
    if (!desired.every((element) => live.includes(element))) found.push(path);
  } else if (desired.length !== live.length) found.push(path);
  else for (const [index, element] of desired.entries()) compare(element, live[index], `${path}[${index}]`, '', found);
};

/** As {@link compare}, but what only `live` has differs too. */
const compareWhole = (desired: unknown, live: unknown, path: string, found: string[]): void => {
  if (isFields(desired) && isFields(live)) {
    for (const name of Object.keys(desired)) compareWhole(desired[name], live[name], `${path}.${name}`, found);
    for (const name of Object.keys(live)) {
      if (!(name in desired)) compareWhole(undefined, live[name], `${path}.${name}`, found);
    }
  } else if (Array.isArray(desired) && Array.isArray(live)) {
    if (desired.length !== live.length) found.push(path);
    else
      for (const [index, element] of desired.entries()) compareWhole(element, live[index], `${path}[${index}]`, found);
  } else if (live === undefined) {
    if (!isZero(desired)) found.push(path);
  } else if (!Object.is(desired, live) && !(isZero(desired) && isUnset(live))) found.push(path);
};

const compare = (desired: unknown, live: unknown, path: string, field: string, found: string[]): void => {
  if (desired === undefined || (live === undefined && isZero(desired))) return;
  if (atomicFields.has(field)) compareWhole(desired, live, path, found);
  else if (isFields(desired) && isFields(live)) {
    for (const name of Object.keys(desired)) {
      compare(desired[name], live[name], path === '' ? name : `${path}.${name}`, name, found);
    }
  } else if (Array.isArray(desired) && Array.isArray(live)) compareLists(desired, live, path, field, found);
  else if (!Object.is(desired, live) && !(desired === null && isZero(live))) found.push(path);
};

/**
 * The paths of the fields that `desired` names and `live` has otherwise. Fields that only `live` has are the server's
 * or somebody else's, but in what the server takes as one value; lists with a known merge key are compared by it, other
 * lists element by element.
 * Quantities and times are compared as text: builders emit the canonical form (`500m`, `1Gi`).
 */
export const findDifferences = (desired: DesiredObject, live: KubernetesObject): string[] => {
  const found: string[] = [];
  compare(desired, live, '', '', found);
  return found;
};

/** Whether a field that `desired` names is otherwise in `live`; see {@link findDifferences}. */
export const differs = (desired: DesiredObject, live: KubernetesObject): boolean =>
  findDifferences(desired, live).length > 0;

const hashes = new WeakMap<DesiredObject, string>();
/** By a digest of the object as it was built: passes build the same anew, and ordering its fields is most of the work. */
const hashesOfBuilt = new LRUCache<string, string>({ max: 512 });

const hashInOrder = (desired: DesiredObject): string => hash('sha256', stringify(desired), 'base64url').slice(0, 22);

const hashBuilt = (desired: DesiredObject): string => {
  const built = hash('sha256', JSON.stringify(desired), 'base64url');
  const known = hashesOfBuilt.get(built);
  if (known !== undefined) return known;
  const found = hashInOrder(desired);
  hashesOfBuilt.set(built, found);
  return found;
};

/**
 * A short hash of the content of an object, the same whatever the order of its fields. It is asked for many times in one
 * pass, and remembered for as long as the object is: an object that was hashed must not be changed any more.
 */
export const hashDesired = (desired: DesiredObject): string => {
  const known = hashes.get(desired);
  if (known !== undefined) return known;
  const found = hashBuilt(desired);
  hashes.set(desired, found);
  return found;
};

/** `desired` with its own hash in the annotation `annotation`: what is to be applied. */
export const withDesiredHash = <T extends KubernetesObject>(desired: T, annotation: string): T => ({
  ...desired,
  metadata: {
    ...desired.metadata,
    annotations: { ...desired.metadata?.annotations, [annotation]: hashDesired(desired) },
  },
});

/** Live objects that were found to be equal to the desired content whose hash they bear: once for each version. */
const equals = new WeakSet<LiveObject>();

/** @param live bears the hash of `desired`. */
const isKnownEqual = (desired: DesiredObject, live: LiveObject): boolean => {
  if (equals.has(live)) return true;
  if (findDifferences(desired, live).length > 0) return false;
  equals.add(live);
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
  if (live.metadata.annotations?.[annotation] !== hashDesired(desired)) return { reason: 'changed' };
  if (isKnownEqual(desired, live)) return undefined;
  const fields = findDifferences(desired, live).filter((field) => !mutated.includes(field));
  return fields.length === 0 ? undefined : { reason: 'drifted', fields };
};
