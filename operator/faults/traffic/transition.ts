import fc from 'fast-check';
import type { ResourceKind } from '../../runtime/resource-kind.ts';
import { builtInResources } from '../../runtime/resource-kind.ts';
import { optionalResources } from '../../tenant/caches/optional-resources.ts';
import { type BelongingName, belongingNames } from './belonging.ts';
import { type SquatName, squatNames } from './squatter.ts';

/** Any object of fields, such as a spec. */
export type Fields = Readonly<Record<string, unknown>>;

/** One thing that happens to a tenant, its objects, what stands beside it, or its operator. */
export type Transition =
  /** The user changes the spec: a JSON merge patch (RFC 7396). */
  | { readonly kind: 'change'; readonly spec: Fields }
  /** The user pauses the tenant, moves its data to another database, names that, and lets the tenant go on: a patch as above. */
  | { readonly kind: 'move'; readonly spec: Fields }
  /** The user makes a client of the tenant, or changes the spec of one by such a patch. */
  | { readonly kind: 'client'; readonly name: ClientName; readonly spec: Fields }
  /** The user deletes a client. */
  | { readonly kind: 'dismiss'; readonly name: ClientName }
  /** The user writes something new into what the tenant may name. */
  | { readonly kind: 'rotate'; readonly belonging: BelongingName }
  /** Somebody deletes what the tenant may name; it is put back before anybody waits for the tenant. */
  | { readonly kind: 'misplace'; readonly belonging: BelongingName }
  /** The user has the services start again. */
  | { readonly kind: 'restart'; readonly value: string }
  /** The user has the managed database's volume grow; where there is none, nothing happens. */
  | { readonly kind: 'grow' }
  /** A stranger makes an object of a name that the tenant or a client may want; it goes before anybody waits for them. */
  | { readonly kind: 'squat'; readonly object: SquatName }
  /** New pods of a component find no node, until somebody waits for the tenant. */
  | { readonly kind: 'crowd'; readonly component: PodComponent }
  /** So many of the next requests to auth fail, one way after the other. */
  | { readonly kind: 'mute'; readonly requests: number }
  /** The operator is replaced by one of the next minor version; where that is done already, by itself. */
  | { readonly kind: 'upgrade' }
  /** It is set back by one of the first minor version, and takes services that follow it back with it. */
  | { readonly kind: 'downgrade' }
  /** A stranger changes an object of ours. */
  | { readonly kind: 'drift'; readonly object: DriftedObject }
  /** Somebody deletes an object of ours. */
  | { readonly kind: 'lose'; readonly object: LostObject }
  /** The user deletes the tenant, waits until it is gone, and makes it again with the same spec. */
  | { readonly kind: 'recreate' }
  /** The operator dies at its `write`-th write from now, and starts anew. */
  | { readonly kind: 'crash'; readonly write: number; readonly when: 'before' | 'after' }
  /** The next calls meet with faults, by chance from this seed. */
  | { readonly kind: 'storm'; readonly seed: number }
  /** Watches lag by so many events until the next of these, or the end. */
  | { readonly kind: 'lag'; readonly events: number }
  /** A share of all events is lost; everything is listed anew later. */
  | { readonly kind: 'loss'; readonly seed: number }
  /** The user waits until the tenant is Ready. */
  | { readonly kind: 'wait' };

export const podComponents = ['gateway', 'auth', 'token-store', 'database', 'migrate'] as const;
export type PodComponent = (typeof podComponents)[number];

/** What a stranger does to an object. */
const drifts = {
  'image of auth': {
    resource: builtInResources.deployments,
    name: 'acme-auth',
    patch: { spec: { template: { spec: { terminationGracePeriodSeconds: 1 } } } },
  },
  'replicas of the gateway': {
    resource: builtInResources.deployments,
    name: 'acme-gateway',
    patch: { spec: { replicas: 3 } },
  },
  'selector of a Service': {
    resource: builtInResources.services,
    name: 'acme-auth',
    patch: { spec: { selector: { stranger: 'yes' } } },
  },
  'label of a Service': {
    resource: builtInResources.services,
    name: 'acme-gateway',
    patch: { metadata: { labels: { 'app.kubernetes.io/managed-by': 'somebody' } } },
  },
  'live settings': {
    resource: builtInResources.configMaps,
    name: 'acme-gateway-live',
    patch: { data: { 'live.json': '{}' } },
  },
  'owner of a NetworkPolicy': {
    resource: builtInResources.networkPolicies,
    name: 'acme-auth',
    patch: { metadata: { ownerReferences: [] } },
  },
  'class of the Ingress': {
    resource: builtInResources.ingresses,
    name: 'acme-gateway',
    patch: { spec: { ingressClassName: 'strange' } },
  },
  'host of the HTTPRoute': {
    resource: optionalResources.httpRoutes,
    name: 'acme-gateway',
    patch: { spec: { hostnames: ['strange.example'] } },
  },
  'host of the BackendTLSPolicy': {
    resource: optionalResources.backendTlsPolicies,
    name: 'acme-gateway',
    patch: { spec: { validation: { hostname: 'strange.example' } } },
  },
  'labels of the Secret of a client': {
    resource: builtInResources.secrets,
    name: 'app-oidc',
    patch: { metadata: { labels: { 'app.kubernetes.io/managed-by': 'somebody' } } },
  },
  'issuer in the Secret of a client': {
    resource: builtInResources.secrets,
    name: 'app-oidc',
    patch: { data: { issuer: Buffer.from('https://strange.example').toString('base64') } },
  },
} as const satisfies Record<string, { resource: ResourceKind; name: string; patch: Fields }>;
export type DriftedObject = keyof typeof drifts;
export const driftOf = (object: DriftedObject) => drifts[object];

/** Objects of ours that come again when somebody deletes them. */
const losses = {
  Deployment: { resource: builtInResources.deployments, name: 'acme-token-store' },
  Service: { resource: builtInResources.services, name: 'acme-auth-pods' },
  ConfigMap: { resource: builtInResources.configMaps, name: 'acme-auth-live' },
  PodDisruptionBudget: { resource: builtInResources.podDisruptionBudgets, name: 'acme-auth' },
  NetworkPolicy: { resource: builtInResources.networkPolicies, name: 'acme-database' },
  ServiceAccount: { resource: builtInResources.serviceAccounts, name: 'acme-identity' },
  'certificate of auth': { resource: builtInResources.secrets, name: 'acme-auth-identity' },
  'connection Secret': { resource: builtInResources.secrets, name: 'acme-database-connection' },
  'connection Secret of migrate': { resource: builtInResources.secrets, name: 'acme-migrate-connection' },
  'signing keys': { resource: builtInResources.secrets, name: 'acme-signing-keys' },
  'certificate authority': { resource: builtInResources.secrets, name: 'acme-internal-ca' },
  StatefulSet: { resource: builtInResources.statefulSets, name: 'acme-database' },
  Ingress: { resource: builtInResources.ingresses, name: 'acme-gateway' },
  HTTPRoute: { resource: optionalResources.httpRoutes, name: 'acme-gateway' },
  BackendTLSPolicy: { resource: optionalResources.backendTlsPolicies, name: 'acme-gateway' },
  'Secret of a client': { resource: builtInResources.secrets, name: 'app-oidc' },
} as const satisfies Record<string, { resource: ResourceKind; name: string }>;
export type LostObject = keyof typeof losses;
export const lossOf = (object: LostObject) => losses[object];

const service = fc.constantFrom('gateway', 'auth', 'tokenStore');
const route = (name: string) => ({
  name,
  match: { pathPrefix: `/${name}` },
  upstream: { service: name, port: 80 },
  authentication: 'None',
});

/** One way to the customers at a time, but for the Service that is always there. */
const ways: readonly Fields[] = [
  { ingress: null, gatewayAPI: null },
  { ingress: { className: 'nginx', tlsSecretName: 'later' }, gatewayAPI: null },
  { ingress: null, gatewayAPI: { parentRefs: [{ name: 'public' }], backendCAConfigMapRef: null } },
  { ingress: null, gatewayAPI: { parentRefs: [{ name: 'public' }], backendCAConfigMapRef: { name: 'public-ca' } } },
];

/** Changes of a spec that any tenant may go through at any time. */
const specChange: fc.Arbitrary<Fields> = fc.oneof(
  fc
    .tuple(service, fc.integer({ min: 1, max: 2 }))
    .map(([name, replicas]) => ({ [name]: { replicas, autoscaling: null } })),
  service.map((name) => ({ [name]: { replicas: null, autoscaling: { minReplicas: 1, maxReplicas: 4 } } })),
  fc.tuple(service, fc.constantFrom('debug', 'info', 'warn')).map(([name, logLevel]) => ({ [name]: { logLevel } })),
  fc
    .tuple(service, fc.constantFrom(null, { requests: { cpu: '150m', memory: '200Mi' }, limits: { memory: '1Gi' } }))
    .map(([name, resources]) => ({ [name]: { resources } })),
  fc.subarray(['a', 'b', 'c']).map((names) => ({ gateway: { routes: names.map(route) } })),
  fc.constantFrom('5m', '10m', '15m').map((accessTokenTTL) => ({ tokens: { accessTokenTTL } })),
  fc.constantFrom(null, 'Acme', 'Shop').map((name) => ({ auth: { branding: { name } } })),
  fc
    .constantFrom('ClusterIP', 'NodePort', 'LoadBalancer')
    .map((type) => ({ gateway: { exposure: { service: { type } } } })),
  fc.constantFrom(...ways).map((exposure) => ({ gateway: { exposure } })),
  fc.constantFrom(null, { secretName: 'public-tls' }).map((tls) => ({ gateway: { tls } })),
  fc.constantFrom(null, { connection: { secretRef: { name: 'own-cache' } } }).map((cache) => ({ cache })),
  fc.constantFrom([], [{ configMapRef: { name: 'public-ca' } }]).map((trustBundles) => ({ trustBundles })),
  fc.constantFrom('HighlyAvailable', 'Single').map((mode) => ({ availability: { mode } })),
  fc.constantFrom(
    { version: '0.1.0', image: 'example.com/identity:fixed' },
    { version: '0.1.0', image: null },
    { version: null, image: null },
  ),
  fc.constantFrom('Retain', 'Delete').map((deletionPolicy) => ({ deletionPolicy })),
  fc.boolean().map((paused) => ({ paused })),
);

/** What a managed database grows to: a tenant may leave it, and come back to a volume that is kept, but no smaller one. */
const grownStorage = '20Gi';

/** The patch of a spec by which its managed database gets a larger volume. */
export const growth: Fields = { database: { managed: { storage: grownStorage } } };

/** Where data may live. A managed database's volume is kept when the tenant leaves it. */
const databases: readonly Fields[] = [
  { managed: { storage: grownStorage } },
  { connection: { secretRef: { name: 'own-database' } } },
  { connection: { secretRef: { name: 'own-roles' } } },
  { cloudNativePG: { clusterName: 'main' } },
];

const clientChange: fc.Arbitrary<Fields> = fc.oneof(
  fc.constantFrom(null, 'Shop').map((displayName) => ({ displayName })),
  fc.constantFrom('client_secret_basic', 'none').map((tokenEndpointAuthMethod) => ({ tokenEndpointAuthMethod })),
  fc.constantFrom([], ['https://api.acme.example']).map((audiences) => ({ audiences })),
);

/** What clients are called; drifts and losses are of the first one. */
export const clientNames = ['app', 'site'] as const;
export type ClientName = (typeof clientNames)[number];

const only = <T>(value: T): fc.Arbitrary<T> => fc.constant(value);
// The names of the tables above are their keys.
const namesOf = <T extends string>(table: Readonly<Record<T, unknown>>) =>
  fc.constantFrom(...(Object.keys(table) as T[]));

/** A transition; changes of the spec are the most frequent. */
const transitions: fc.Arbitrary<Transition> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: only('change' as const), spec: specChange }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: only('move' as const),
      spec: fc
        .constantFrom(...databases)
        .map((database) => ({ database: { connection: null, cloudNativePG: null, managed: null, ...database } })),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: only('client' as const), name: fc.constantFrom(...clientNames), spec: clientChange }),
  },
  { weight: 1, arbitrary: fc.record({ kind: only('dismiss' as const), name: fc.constantFrom(...clientNames) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: only('rotate' as const), belonging: fc.constantFrom(...belongingNames) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: only('misplace' as const), belonging: fc.constantFrom(...belongingNames) }),
  },
  { weight: 1, arbitrary: only<Transition>({ kind: 'upgrade' }) },
  { weight: 1, arbitrary: only<Transition>({ kind: 'downgrade' }) },
  { weight: 1, arbitrary: fc.record({ kind: only('restart' as const), value: fc.constantFrom('once', 'twice') }) },
  { weight: 1, arbitrary: only<Transition>({ kind: 'grow' }) },
  { weight: 1, arbitrary: fc.record({ kind: only('squat' as const), object: fc.constantFrom(...squatNames) }) },
  { weight: 1, arbitrary: fc.record({ kind: only('crowd' as const), component: fc.constantFrom(...podComponents) }) },
  { weight: 1, arbitrary: fc.record({ kind: only('mute' as const), requests: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: only('drift' as const), object: namesOf(drifts) }) },
  { weight: 2, arbitrary: fc.record({ kind: only('lose' as const), object: namesOf(losses) }) },
  { weight: 1, arbitrary: only<Transition>({ kind: 'recreate' }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: only('crash' as const),
      write: fc.integer({ min: 1, max: 12 }),
      when: fc.constantFrom('before' as const, 'after' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: only('storm' as const), seed: fc.nat(1_000_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: only('lag' as const), events: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: only('loss' as const), seed: fc.nat(1_000_000) }) },
  { weight: 1, arbitrary: only<Transition>({ kind: 'wait' }) },
);

/** So many chains by chance, the same ones for the same seed. */
export const sampleChains = (seed: number, chains: number, length: number): Transition[][] =>
  fc.sample(fc.array(transitions, { minLength: length, maxLength: length }), { seed, numRuns: chains });

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a JSON merge patch makes of a value: null removes. */
export const mergePatch = (value: unknown, patch: unknown): unknown => {
  if (!isFields(patch)) return patch;
  const merged: Record<string, unknown> = isFields(value) ? { ...value } : {};
  for (const [name, change] of Object.entries(patch)) {
    if (change === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], change);
  }
  return merged;
};
