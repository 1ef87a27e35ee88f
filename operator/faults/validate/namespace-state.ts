import type { ISecret } from 'kubernetes-models/v1';
import { annotations, labels } from '../../api/group.ts';
import { bindingEntries } from '../../client/client-registration.ts';
import { rememberedDatabaseEntry } from '../../keys/random-secrets.ts';
import { acceptedDatabaseEntry, databaseUrlEntries } from '../../manifests/database-connection.ts';
import type { KubernetesClient } from '../../runtime/kubernetes-client.ts';
import { hasReason } from '../../runtime/kubernetes-error.ts';
import type { LiveObject } from '../../runtime/kubernetes-object.ts';
import { builtInResources, type ResourceKind } from '../../runtime/resource-kind.ts';
import { decodeEntries } from '../../tenant/caches/object-projections.ts';
import { optionalResources } from '../../tenant/caches/optional-resources.ts';
import { ownedKinds } from '../../tenant/caches/tenant-caches.ts';
import { customResources } from '../../tenant/custom-resources.ts';

/** Objects by `Kind/name`, without what differs between two runs that did the same. Of several of one name: each. */
export type NamespaceState = Readonly<Record<string, readonly unknown[]>>;

const kinds: readonly ResourceKind[] = [
  ...ownedKinds,
  ...Object.values(optionalResources),
  builtInResources.secrets,
  customResources.identityTenants,
  customResources.identityClients,
];

/** What of the status others write, and hold until then: of our own kinds it is compared. */
const ourKinds = new Set(['IdentityTenant', 'IdentityClient']);

/** What Kubernetes or a random source decides, and in which zone a pod is put. */
const assignedFields = new Set([
  'zones',
  'clusterIP',
  'clusterIPs',
  'nodePort',
  'healthCheckNodePort',
  'volumeName',
  'kid',
  // Hash of the generated CA.
  annotations.certificateAuthority,
]);
const timePattern = /\b\d{4}-\d\d-\d\dT[\d:.]+Z\b/g;
/** A key's RFC 7638 thumbprint. */
const keyIdPattern = /(?<![\w-])[\w-]{43}(?![\w-])/g;
const uidPattern = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** Of a data-encryption key, which is generated. */
const fingerprintPattern = /\b[0-9a-f]{32}\b/g;
const hashedNamePattern = /\b(\w+-(?:gateway|auth|token-store|migrate))-[0-9a-f]{10}\b/g;

/** A name as it is in every run: settings and Jobs are named by a hash of content that holds the namespace. */
export const withoutHash = (name: string): string => name.replaceAll(hashedNamePattern, '$1-<hash>');

const isZoneCondition = (value: unknown): value is { readonly status: unknown } =>
  typeof value === 'object' && value !== null && 'status' in value && 'type' in value && value.type === 'ZoneRedundant';

const normalizeText = (value: string, namespace: string): string =>
  withoutHash(
    value
      .replaceAll(timePattern, '<time>')
      .replaceAll(keyIdPattern, '<kid>')
      .replaceAll(fingerprintPattern, '<fingerprint>')
      .replaceAll(namespace, '<namespace>')
      // As it stands in the names of database roles.
      .replaceAll(namespace.replaceAll('-', '_'), '<namespace>')
      .replaceAll(uidPattern, '<uid>'),
  );

const normalize = (value: unknown, namespace: string): unknown => {
  if (isZoneCondition(value)) return { type: 'ZoneRedundant', status: value.status };
  if (typeof value === 'string') return normalizeText(value, namespace);
  if (Array.isArray(value)) return value.map((element) => normalize(element, namespace));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([field]) => !assignedFields.has(field))
      .map(([field, content]) => [field, normalize(content, namespace)]),
  );
};

const withoutDesiredHash = (annotations: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(annotations).filter(([name]) => !name.endsWith('/desired-hash') && name !== touchedAnnotation),
  );

/** What a test sets on a tenant to have it looked at: no part of its state. */
export const touchedAnnotation = 'touched';

/** Its metadata as far as somebody decided it. A Deployment's revision stays: one rollout more would show in it. */
const describeMetadata = ({ metadata }: LiveObject) => ({
  labels: metadata.labels,
  annotations: withoutDesiredHash(metadata.annotations),
  ownerReferences: metadata.ownerReferences,
  finalizers: metadata.finalizers,
  isDeleting: metadata.deletionTimestamp !== undefined,
});

/** Entries of Secrets that somebody chose. What was generated within them looks like a key's thumbprint, or is one. */
const chosenEntries = new Set<string>([
  ...Object.values(databaseUrlEntries),
  rememberedDatabaseEntry,
  acceptedDatabaseEntry,
  bindingEntries.type,
  bindingEntries.provider,
  bindingEntries.issuer,
  bindingEntries.clientId,
]);

const describeSecret = (secret: LiveObject & ISecret): unknown => {
  const entries = Object.entries(decodeEntries(secret))
    // Signing keys are entries named by their thumbprint.
    .map(([entry, value]) => [entry.replace(keyIdPattern, '<kid>'), chosenEntries.has(entry) ? value : '<generated>'])
    .sort(([one = ''], [other = '']) => (one < other ? -1 : 1));
  return { type: secret.type, entries };
};

const describeContent = (object: LiveObject): unknown => {
  const {
    apiVersion: _version,
    kind,
    metadata: _metadata,
    status,
    ...content
  } = object as LiveObject & { readonly status?: unknown }; // An object of any kind: whatever else it has is compared as it is.
  // What was generated differs; which entries there are does not.
  if (kind === 'Secret') return describeSecret(object as LiveObject & ISecret);
  return ourKinds.has(kind) ? { ...content, status } : content;
};

const isOurs = ({ kind, metadata }: LiveObject): boolean =>
  ourKinds.has(kind) || metadata.labels?.[labels.instance] !== undefined;

/** Of a kind that is not served there are none. */
const listIfServed = async (client: KubernetesClient, kind: ResourceKind, namespace: string): Promise<LiveObject[]> => {
  try {
    return [...(await client.list(kind, { namespace })).items];
  } catch (error) {
    if (hasReason(error, 'NotFound')) return [];
    throw error;
  }
};

/** Reads the state of a namespace: every object of ours, of every kind that the operator may make. */
export const readNamespaceState = async (client: KubernetesClient, namespace: string): Promise<NamespaceState> => {
  const pages = await Promise.all(kinds.map((kind) => listIfServed(client, kind, namespace)));
  const state: Record<string, unknown[]> = {};
  for (const object of pages.flat().filter(isOurs)) {
    const key = withoutHash(`${object.kind}/${object.metadata.name}`);
    const content = { metadata: describeMetadata(object), ...(describeContent(object) as object) };
    state[key] = [...(state[key] ?? []), normalize(content, namespace)];
  }
  return Object.fromEntries(
    Object.entries(state)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, objects]) => [key, objects.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))]),
  );
};
