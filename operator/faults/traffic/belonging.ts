import { waitUntil } from '../../../e2e/cluster/wait.ts';
import { generateCertificateAuthority } from '../../keys/internal-certificate.ts';
import { builtInResources, type ObjectReference } from '../../runtime/resource-kind.ts';
import type { World } from '../world.ts';

type Content = Readonly<Record<string, string>>;

/** A deadline; as a rule it takes milliseconds. */
const noticeMilliseconds = 30_000;

const { certificatePem: authority } = generateCertificateAuthority('of a user', new Date());

const databaseUrl = (user: string, edition: number): string =>
  `postgres://${user}:given-${edition}@db-${edition}.example.com:5432/identity`;

/**
 * What a user keeps beside the tenant, and its spec may name. Each has editions, one after the other, which differ in what
 * is read of them.
 */
const belongings = {
  'database Secret': {
    kind: 'Secret',
    name: 'own-database',
    content: (edition: number): Content => ({ url: databaseUrl('owner', edition), 'ca.crt': authority }),
  },
  'database Secret with roles': {
    kind: 'Secret',
    name: 'own-roles',
    content: (edition: number): Content => ({
      url: databaseUrl('owner', edition),
      'auth-url': databaseUrl('auth', edition),
      'token-store-url': databaseUrl('store', edition),
    }),
  },
  // What CloudNativePG makes for a Cluster. The Cluster itself, and its Service, nobody here reads.
  'Secret of the Cluster': {
    kind: 'Secret',
    name: 'main-app',
    content: (edition: number): Content => ({
      username: 'app',
      password: `given-${edition}`,
      uri: `postgresql://app:given-${edition}@main-rw:5432/app`,
      'fqdn-uri': `postgresql://app:given-${edition}@main-rw.somewhere.svc.cluster.local:5432/app`,
    }),
  },
  'CA of the Cluster': { kind: 'Secret', name: 'main-ca', content: (): Content => ({ 'ca.crt': authority }) },
  'cache Secret': {
    kind: 'Secret',
    name: 'own-cache',
    content: (edition: number): Content => ({ url: `redis://:given-${edition}@cache.example.com:${6_379 + edition}` }),
  },
  'certificate of the issuer': {
    kind: 'Secret',
    name: 'public-tls',
    content: (edition: number): Content => ({ 'tls.crt': `certificate ${edition}`, 'tls.key': `key ${edition}` }),
  },
  'CA of the issuer': {
    kind: 'ConfigMap',
    name: 'public-ca',
    content: (): Content => ({ 'ca.crt': authority }),
  },
} as const satisfies Record<
  string,
  { kind: 'Secret' | 'ConfigMap'; name: string; content: (edition: number) => Content }
>;
export type BelongingName = keyof typeof belongings;

// The names of the table are its keys.
export const belongingNames = Object.keys(belongings) as readonly BelongingName[];

/** Which edition of each there is; one that is not in it is as it was first. */
export type Editions = Readonly<Partial<Record<BelongingName, number>>>;

const referenceOf = ({ namespace }: World, belonging: BelongingName): ObjectReference => {
  const { kind, name } = belongings[belonging];
  return { resource: kind === 'Secret' ? builtInResources.secrets : builtInResources.configMaps, namespace, name };
};

/** Puts an edition of it there, be it there already or not. */
export const putBelonging = async (
  { cluster, namespace }: World,
  belonging: BelongingName,
  edition = 0,
): Promise<void> => {
  const { kind, name, content } = belongings[belonging];
  const entries = content(edition);
  const metadata = { name, namespace };
  await cluster.client.applyServerSide(
    kind === 'Secret'
      ? { apiVersion: 'v1', kind, metadata, stringData: entries }
      : { apiVersion: 'v1', kind, metadata, data: entries },
  );
};

/** Puts all of them there. */
export const putBelongings = async (world: World, editions: Editions): Promise<void> => {
  await Promise.all(belongingNames.map((belonging) => putBelonging(world, belonging, editions[belonging])));
};

export const removeBelonging = async (world: World, belonging: BelongingName): Promise<void> => {
  await world.cluster.client.delete(referenceOf(world, belonging));
};

/** A Cluster of CloudNativePG is named in its Secrets' stead. */
const nameInSpec = (name: string): string => name.replace(/^main-.*/, 'main');

/** Those that a spec names. */
export const listBelongingsOf = (spec: object): BelongingName[] =>
  belongingNames.filter((belonging) => JSON.stringify(spec).includes(`"${nameInSpec(belongings[belonging].name)}"`));

/**
 * Changes it, though nothing that is read of it, and waits until the operator has looked, as it does at every new version.
 * @throws Error when it does not: nothing has woken it.
 */
export const awaitNotice = async (world: World, belonging: BelongingName): Promise<void> => {
  const { resource, namespace, name } = referenceOf(world, belonging);
  world.mark();
  const annotations = { 'example.com/touched': crypto.randomUUID() };
  await world.cluster.client.patchMerge({ resource, namespace, name }, { metadata: { annotations } });
  const hasLooked = async () =>
    world.calls().some((call) => call.verb === 'get' && call.resource === resource.plural && call.name === name);
  await waitUntil(`the operator to look at the changed ${belonging}`, noticeMilliseconds, hasLooked, 10);
};
